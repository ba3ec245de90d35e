import { openConnection, type Answer, type Connection, type Request } from './connection.ts'

/** Sends requests to one server, each on a connection of its own while it is under way; connections are used again. */
export interface Client {
  send(request: Request): Promise<Answer>
  /** @throws Error for any other status: no figure from errors */
  expect(status: number, request: Request): Promise<string>
  close(): void
}

/** Creates a client of a port of 127.0.0.1. */
export function createClient(port: number): Client {
  const all: Connection[] = []
  const idle: Connection[] = []
  const take = async (): Promise<Connection> => {
    for (let found = idle.pop(); found; found = idle.pop()) if (found.isOpen()) return found
    const opened = await openConnection(port)
    all.push(opened)
    return opened
  }
  const send = async (request: Request) => {
    const connection = await take()
    const answer = await connection.send(request)
    idle.push(connection)
    return answer
  }
  return {
    send,
    async expect(wanted, request) {
      const { status, body } = await send(request)
      if (status === wanted) return body
      throw new Error(`no figure from errors: ${request.path} answered ${status} ${body}`)
    },
    close() {
      for (const connection of all) connection.close()
    },
  }
}
