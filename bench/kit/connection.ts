import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** One request. */
export interface Request {
  readonly method?: 'GET' | 'POST'
  readonly path: string
  /** Sent as `Authorization: Bearer`. */
  readonly token?: string | undefined
  /** Sent as a JSON body. */
  readonly json?: unknown
}

/** One answer. */
export interface Answer {
  readonly status: number
  readonly body: string
}

/** A persistent HTTP/1.1 connection that takes one request at a time. */
export interface Connection {
  /** @throws Error if the connection ends before the answer does */
  send(request: Request): Promise<Answer>
  isOpen(): boolean
  close(): void
}

/**
 * Opens a connection to 127.0.0.1. Node's own client takes as much of the processor as the servers that are measured, and
 * here they share it: this one writes the request and finds the end of the answer, no more.
 */
export async function openConnection(port: number): Promise<Connection> {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  await once(socket, 'connect')
  return createConnection(socket)
}

interface Pending {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

function createConnection(socket: Socket): Connection {
  let text = ''
  let pending: Pending | null = null
  const settle = (): Pending | null => {
    const settled = pending
    pending = null
    return settled
  }
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    text += chunk
    try {
      const answer = readAnswer(text)
      if (!answer) return
      text = ''
      settle()?.resolve(answer)
    } catch (error) {
      settle()?.reject(error)
    }
  })
  const fail = (error?: Error) =>
    settle()?.reject(error ?? new Error('the connection ended without an answer'))
  socket.on('error', fail)
  socket.on('close', () => fail())
  return {
    send: (request) =>
      new Promise((resolve, reject) => {
        pending = { resolve, reject }
        // A socket that ended between two requests emits no further event.
        if (socket.destroyed) return fail()
        socket.write(textOf(request))
      }),
    isOpen: () => socket.readyState === 'open',
    close: () => socket.destroy(),
  }
}

function textOf({ method = 'GET', path, token, json }: Request): string {
  const authorization = token === undefined ? '' : `Authorization: Bearer ${token}\r\n`
  const head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${authorization}`
  if (json === undefined) return `${head}\r\n`
  const body = JSON.stringify(json)
  return `${head}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

/** Returns null while a part of the answer is missing. @throws Error if the answer does not state its length */
function readAnswer(text: string): Answer | null {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd < 0) return null
  const head = text.slice(0, headEnd)
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
  if (length === undefined) throw new Error(`an answer without its length: ${head}`)
  const body = text.slice(headEnd + 4)
  if (body.length < Number(length)) return null
  return { status: Number(head.slice(9, 12)), body }
}
