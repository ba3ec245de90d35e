import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Store } from '../../src/stores/index.js'
import { createD1Store } from '../../src/stores/d1/store.js'
import { createFakeTime, type FakeTime } from './fake-time.js'
import { createRemoteD1, type D1Server } from './workerd.js'

/** Statements follow one another at once, so work has ended when none was under way for so many turns. */
const quietTurns = 5

/** A D1 for random histories. The time of a history stands still until all statements under way have their answer. */
export function createD1ModelStore(server: D1Server): {
  begin(): Promise<{ readonly world: FakeTime; readonly open: () => Promise<Store> }>
} {
  let underWay = 0
  const counted = async <T>(work: Promise<T>): Promise<T> => {
    underWay += 1
    try {
      return await work
    } finally {
      underWay -= 1
    }
  }
  const client = createRemoteD1((steps) => counted(server.send(steps)))
  const untilQuiet = async () => {
    for (let quiet = 0; quiet < quietTurns; quiet = underWay === 0 ? quiet + 1 : 0) await nextTurn()
  }
  return {
    async begin() {
      await untilQuiet()
      await server.empty()
      const time = createFakeTime()
      const world: FakeTime = {
        ...time,
        get now() {
          return time.now
        },
        pass: async (seconds) => {
          await time.pass(seconds)
          await untilQuiet()
        },
      }
      return { world, open: async () => createD1Store(client, { ...world, answerSeconds: 60 }) }
    },
  }
}
