import { Writable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createBatch } from './commands.js'

/** Creates a stream that records the content of each write. */
function createStream() {
  const writes: string[][] = []
  const stream = new Writable({
    decodeStrings: false,
    write: (chunk: string, _encoding, written) => {
      writes.push([chunk])
      written()
    },
    writev: (chunks, written) => {
      writes.push(chunks.map(({ chunk }) => String(chunk)))
      written()
    },
  })
  return { stream, writes }
}

describe('createBatch', () => {
  it('writes the commands of one turn of the event loop at once, in their order', async () => {
    const { stream, writes } = createStream()
    const join = createBatch({ isCluster: false, stream })

    for (const command of ['a', 'b', 'c']) {
      join()
      stream.write(command)
    }
    expect(writes).toEqual([])
    await setImmediate()
    join()
    stream.write('d')
    await setImmediate()

    expect(writes).toEqual([['a', 'b', 'c'], ['d']])
  })

  it('uses the current connection: none yet, a broken one, a new one', async () => {
    const [first, second] = [createStream(), createStream()]
    const client: { isCluster: boolean; stream?: Writable } = { isCluster: false }
    const join = createBatch(client)

    join()
    client.stream = first.stream
    join()
    first.stream.destroy()
    client.stream = second.stream
    join()
    second.stream.write('a')
    await setImmediate()

    expect([first.writes, second.writes]).toEqual([[], [['a']]])
  })
})
