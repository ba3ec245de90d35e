import { execFileSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openOutput } from './output.js'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'perennial-output-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('openOutput', () => {
  it('drops whole lines while nobody reads, then reports their number', async () => {
    const path = join(folder, 'pipe')
    execFileSync('mkfifo', [path])
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
    const reports: number[] = []
    const output = openOutput({ fd, onDropped: (count) => reports.push(count), maxWaitingBytes: 100_000 })
    const line = `${'x'.repeat(999)}\n`
    const written = 500
    for (let sent = 0; sent < written; sent += 1) output.write(line)
    let text = ''
    const bytes = Buffer.alloc(65_536)
    const read = () => {
      try {
        text += bytes.toString('utf8', 0, readSync(fd, bytes))
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
      }
      return reports.length
    }
    await expect.poll(read, { interval: 5 }).toBe(1)
    read()
    closeSync(fd)
    const lines = text.split('\n').slice(0, -1)
    expect(new Set(lines)).toEqual(new Set(['x'.repeat(999)]))
    expect(reports[0]).toBeGreaterThan(0)
    expect(lines.length + (reports[0] ?? 0)).toBe(written)
  })

  it('ends a flush on a full disk', async () => {
    const fd = openSync('/dev/full', 'w')
    const output = openOutput({ fd, onDropped: () => {} })
    output.write('lost\n')
    await new Promise<void>((resolve) => output.flush(resolve))
    closeSync(fd)
  })
})
