import { openConnection, type Answer, type Connection, type Request } from '../kit/http.ts'

/** The connections of a load balancer to one instance. */
export interface Pool {
  /** @throws Error if the connection ends before the answer does, or there is none to be had */
  send(request: Request): Promise<Answer>
  readonly close: () => void
}

const mostConnections = 200

/** Creates them. A request takes the connection that was used last, or a new one, or waits for one. */
export function createPool(port: number): Pool {
  const connections = createConnections(port)
  return {
    async send(request) {
      const connection = await connections.take()
      try {
        const answer = await connection.send(request)
        connections.release(connection)
        return answer
      } catch (error) {
        connections.drop(connection)
        throw error
      }
    },
    close: () => connections.close(),
  }
}

function createConnections(port: number) {
  const idle: Connection[] = []
  const waiting: ((connection: Connection | null) => void)[] = []
  const open = new Set<Connection>()
  let isClosed = false
  let opening = 0
  return {
    async take(): Promise<Connection> {
      const last = idle.pop()
      if (last) return last
      if (open.size + opening >= mostConnections) {
        const given = await new Promise<Connection | null>((resolve) => waiting.push(resolve))
        if (given) return given
      }
      if (isClosed) throw new Error('the instance is away')
      opening += 1
      try {
        const connection = await openConnection(port)
        open.add(connection)
        return connection
      } finally {
        opening -= 1
      }
    },
    release(connection: Connection): void {
      const next = waiting.shift()
      if (next) next(connection)
      else idle.push(connection)
    },
    drop(connection: Connection): void {
      open.delete(connection)
      connection.close()
      waiting.shift()?.(null)
    },
    close(): void {
      isClosed = true
      for (const connection of open) connection.close()
      for (const next of waiting.splice(0)) next(null)
    },
  }
}
