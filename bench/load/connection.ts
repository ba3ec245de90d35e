import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** One answer, as far as it is looked at. */
export interface Answer {
  readonly status: number
  readonly body: string
}

/** One HTTP/1.1 connection that is kept; one request at a time. */
export interface Connection {
  /** `GET /me` with this access token. @throws Error when the connection ends before the answer does */
  ask(token: string): Promise<Answer>
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

interface Asked {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

function createConnection(socket: Socket): Connection {
  let text = ''
  let asked: Asked | null = null
  const settle = (): Asked | null => {
    const settled = asked
    asked = null
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
    ask: (token) =>
      new Promise((resolve, reject) => {
        asked = { resolve, reject }
        // A socket that ended between two requests says so to nobody any more.
        if (socket.destroyed) return fail()
        socket.write(`GET /me HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n\r\n`)
      }),
    close: () => socket.destroy(),
  }
}

/** Null while something of it is still on its way. @throws Error for an answer of a form that is not expected here */
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
