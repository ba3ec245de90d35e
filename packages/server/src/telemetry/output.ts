import { constants, fstatSync, openSync, write as writeFd } from 'node:fs'

/** Writes text to a file descriptor without ever blocking or failing the process. */
export interface Output {
  /** Queues whole lines. If too much is queued already they are dropped and counted. */
  write(lines: string): void
  /** Calls back once all is written, or at once while writing fails. */
  flush(done: () => void): void
}

/** Options of {@link openOutput}. */
export interface OutputOptions {
  readonly fd: number
  /** Called once writing works again after lines were dropped. */
  readonly onDropped: (count: number) => void
  /** @defaultValue 4 MiB */
  readonly maxWaitingBytes?: number | undefined
}

const defaultMaxWaitingBytes = 4 * 1024 * 1024

/** The pauses before the next attempt: the reader is slow, or the disk is full and the reader gone. */
const slowRetryMs = 20
const failedRetryMs = 500

/**
 * Opens an output. It is used in place of pino's own destination, whose synchronous flush at the exit retries forever on a
 * full disk, and whose asynchronous one ends the process with an uncaught error.
 */
export function openOutput(options: OutputOptions): Output {
  const { onDropped, maxWaitingBytes = defaultMaxWaitingBytes } = options
  const fd = withoutBlocking(options.fd)
  const queue = createQueue(maxWaitingBytes)
  let state: 'idle' | 'writing' | 'failed' = 'idle'
  const flushed = new Set<() => void>()

  const settleFlushes = () => {
    for (const done of flushed) done()
    flushed.clear()
  }
  const onWritten = (error: NodeJS.ErrnoException | null, written: number) => {
    if (error) {
      const isSlow = error.code === 'EAGAIN'
      state = 'failed'
      setTimeout(writeNext, isSlow ? slowRetryMs : failedRetryMs).unref()
      if (!isSlow) settleFlushes()
      return
    }
    queue.remove(written)
    writeNext()
  }
  const writeNext = () => {
    const chunk = queue.next()
    if (chunk.length > 0) {
      state = 'writing'
      writeFd(fd, chunk, 0, chunk.length, null, onWritten)
      return
    }
    state = 'idle'
    settleFlushes()
    const count = queue.takeDropped()
    if (count > 0) onDropped(count)
  }
  return {
    write(lines) {
      queue.add(lines)
      if (state === 'idle') writeNext()
    },
    flush(done) {
      flushed.add(done)
      if (state === 'idle') settleFlushes()
    },
  }
}

/** Holds lines until they are written; those that do not fit are dropped whole. */
function createQueue(maxBytes: number) {
  let waiting: string[] = []
  let waitingBytes = 0
  let chunk = Buffer.alloc(0)
  let dropped = 0
  return {
    add(lines: string) {
      const bytes = Buffer.byteLength(lines)
      if (waitingBytes + chunk.length + bytes > maxBytes) {
        dropped += 1
        return
      }
      waiting.push(lines)
      waitingBytes += bytes
    },
    /** Returns the bytes to write next. */
    next() {
      if (chunk.length > 0) return chunk
      chunk = Buffer.from(waiting.join(''))
      waiting = []
      waitingBytes = 0
      return chunk
    },
    remove(written: number) {
      chunk = chunk.subarray(written)
    },
    takeDropped() {
      const count = dropped
      dropped = 0
      return count
    },
  }
}

/**
 * Opens a pipe or terminal a second time, in non-blocking mode. A blocking write to a reader that has stopped would occupy
 * a thread, and the process could not exit. Other files keep their descriptor, and so their position.
 */
function withoutBlocking(fd: number): number {
  try {
    const kind = fstatSync(fd)
    if (!kind.isFIFO() && !kind.isCharacterDevice()) return fd
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch {
    // No /proc, or no permission to open it again.
    return fd
  }
}
