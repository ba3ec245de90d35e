import { once } from 'node:events'
import { connect } from 'node:net'

/** One request. */
export interface Request {
  readonly method?: 'GET' | 'POST'
  readonly path: string
  /** Sent as `Authorization: Bearer`. */
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
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
  close(): void
}

/**
 * Opens a connection to 127.0.0.1. Node's own client takes as much of the processor as the servers that are measured, and
 * here they share it: this one writes the request and finds the end of the answer, no more.
 */
export async function openConnection(port: number): Promise<Connection> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket.setEncoding('latin1'), 'connect')
  let text = ''
  let pending: { resolve: (answer: Answer) => void; reject: (error: unknown) => void } | null = null
  const fail = (error = new Error('the connection ended without an answer')) => pending?.reject(error)
  socket.on('error', fail)
  socket.on('close', () => fail())
  socket.on('data', (chunk: string) => {
    text += chunk
    try {
      const answer = readAnswer(text)
      if (!answer) return
      text = ''
      pending?.resolve(answer)
    } catch (error) {
      pending?.reject(error)
    }
  })
  return {
    send: (request) =>
      new Promise((resolve, reject) => {
        pending = { resolve, reject }
        // A socket that ended between two requests emits no further event.
        if (socket.destroyed) fail()
        else socket.write(textOf(request))
      }),
    close: () => socket.destroy(),
  }
}

function textOf({ method = 'GET', path, token, headers = {}, json }: Request): string {
  let head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n`
  if (token !== undefined) head += `Authorization: Bearer ${token}\r\n`
  for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`
  if (json === undefined) return `${head}\r\n`
  const body = JSON.stringify(json)
  return `${head}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

/** Returns null while a part of the answer is missing. @throws Error if the answer does not state its length */
function readAnswer(text: string): Answer | null {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd < 0) return null
  const head = text.slice(0, headEnd)
  const status = Number(head.slice(9, 12))
  const length = status === 204 ? '0' : /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
  if (length === undefined) throw new Error(`an answer without its length: ${head}`)
  const body = text.slice(headEnd + 4)
  return body.length < Number(length) ? null : { status, body }
}

/** Sends one request that is not measured, with Node's own client. */
export async function send(port: number, { method, path, token, headers, json }: Request): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: method ?? 'GET',
    headers: {
      ...headers,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(json !== undefined && { 'content-type': 'application/json' }),
    },
    ...(json !== undefined && { body: JSON.stringify(json) }),
  })
  return { status: response.status, body: await response.text() }
}

/** Returns the body of an answer of this status. @throws Error for any other status: no figure from errors */
export function expectStatus(wanted: number, { status, body }: Answer): string {
  if (status === wanted) return body
  throw new Error(`no figure from errors: answered ${status} ${body}, not ${wanted}`)
}
