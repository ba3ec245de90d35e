import { spawnSync } from 'node:child_process'
import { rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { makeFolder } from './service-process.js'

/** A file system of a few MiB, which a test can fill. */
export interface SmallDisk {
  readonly path: string
  /** Fills it to the last block. */
  fill(): void
  /** Removes what `fill` has written. */
  free(): void
  /** Unmounts it. Whatever uses it must have ended. */
  remove(): void
}

/** Returns true if this user may mount a file system. If not, prints why the tests did not run. */
export function canMount(): boolean {
  const disk = mountDisk(1)
  if (disk !== null) {
    disk.remove()
    return true
  }
  process.stderr.write('\n*** TESTS OF A FULL DISK DID NOT RUN: they mount a tmpfs, which needs root. ***\n')
  return false
}

/** Mounts a tmpfs of this size. @throws Error if that is not allowed */
export function createSmallDisk(mebibytes: number): SmallDisk {
  const disk = mountDisk(mebibytes)
  if (disk === null) throw new Error('this user may not mount a file system')
  return disk
}

function mountDisk(mebibytes: number): SmallDisk | null {
  const folder = makeFolder()
  const options = ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=0777`, 'tmpfs', folder.path]
  const mounted = process.platform === 'linux' && spawnSync('mount', options).status === 0
  if (!mounted) {
    folder.remove()
    return null
  }
  const filler = join(folder.path, 'filler')
  return {
    path: folder.path,
    fill() {
      const { bavail, bsize } = statfsSync(folder.path)
      writeFileSync(filler, Buffer.alloc(bavail * bsize))
    },
    free: () => rmSync(filler, { force: true }),
    remove() {
      spawnSync('umount', [folder.path])
      folder.remove()
    },
  }
}
