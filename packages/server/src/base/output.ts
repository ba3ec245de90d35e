import { constants, fstatSync, openSync, write as writeFd } from 'node:fs'
import process from 'node:process'

/** Writes text to a file descriptor without ever blocking or failing the process. */
export interface Output {
  /** Queues whole lines. If too much is queued already they are dropped and counted. */
  write(lines: string): void
  /** Calls back once all is written, or at once while writing fails. */
  flush(done: () => void): void
  /** Returns the number of lines that were dropped, or wait to be written, and that no report has counted. */
  countUnwritten(): number
}

/** Options of {@link openOutput}. */
export interface OutputOptions {
  readonly fd: number
  /** Called once writing works again after lines were dropped. */
  readonly onDropped?: ((count: number) => void) | undefined
  /** Called for each line that is dropped, at once. */
  readonly onDrop?: (() => void) | undefined
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
  const { onDropped, onDrop = () => {}, maxWaitingBytes = defaultMaxWaitingBytes } = options
  const fd = withoutBlocking(options.fd)
  const queue = createQueue(maxWaitingBytes, onDrop)
  let state: 'idle' | 'writing' | 'failed' = 'idle'
  const flushes = createFlushes()
  const onWritten = (error: NodeJS.ErrnoException | null, written: number) => {
    if (error) {
      const isSlow = error.code === 'EAGAIN'
      state = 'failed'
      setTimeout(writeNext, isSlow ? slowRetryMs : failedRetryMs).unref()
      if (!isSlow) flushes.settle()
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
    flushes.settle()
    const count = queue.takeDropped()
    if (count > 0) onDropped?.(count)
  }
  return {
    write(lines) {
      queue.add(lines)
      if (state === 'idle') writeNext()
    },
    flush(done) {
      flushes.add(done)
      if (state === 'idle') flushes.settle()
    },
    countUnwritten: () => queue.countUnwritten(),
  }
}

/** Holds the callbacks of flushes until they are settled. */
function createFlushes() {
  const waiting = new Set<() => void>()
  return {
    add: (done: () => void) => void waiting.add(done),
    settle() {
      for (const done of waiting) done()
      waiting.clear()
    },
  }
}

/** Holds lines until they are written; those that do not fit are dropped whole. */
function createQueue(maxBytes: number, onDrop: () => void) {
  let waiting: string[] = []
  let waitingBytes = 0
  let chunk = Buffer.alloc(0)
  let chunkLines = 0
  let dropped = 0
  return {
    add(lines: string) {
      const bytes = Buffer.byteLength(lines)
      if (waitingBytes + chunk.length + bytes > maxBytes) {
        dropped += 1
        onDrop()
        return
      }
      waiting.push(lines)
      waitingBytes += bytes
    },
    /** Returns the bytes to write next. */
    next() {
      if (chunk.length > 0) return chunk
      chunk = Buffer.from(waiting.join(''))
      chunkLines = waiting.length
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
    countUnwritten: () => dropped + waiting.length + (chunk.length > 0 ? chunkLines : 0),
  }
}

/**
 * Returns a descriptor for the same file whose writes fail instead of waiting. A blocking write to a reader that has stopped
 * would occupy a thread, and the process could not exit. A pipe or terminal is opened a second time; files keep their
 * descriptor, and so their position.
 */
function withoutBlocking(fd: number): number {
  try {
    const kind = fstatSync(fd)
    if (kind.isSocket()) makeNonBlocking(fd)
    if (!kind.isFIFO() && !kind.isCharacterDevice()) return fd
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch {
    // No /proc, or no permission to open it again, as in a container whose pipes belong to another user.
    makeNonBlocking(fd)
    return fd
  }
}

/** Creates Node's own stream for a pipe or socket, which sets O_NONBLOCK on it (libuv, `uv_pipe_open`). */
function makeNonBlocking(fd: number): void {
  if (fd === 1) void process.stdout
  if (fd === 2) void process.stderr
}
