import { failure } from '../../packages/auth/src/base/failures.ts'
import {
  createMarkedSessions,
  createSessionMarks,
  type SessionRows,
  type SessionStore,
} from '../../packages/auth/src/sessions/index.ts'
import { noEpochs } from '../../packages/auth/test/kit/claimed-store.ts'
import type { Scene, StoreCall } from './scene.ts'

type Methods = Omit<SessionRows, 'watchEnded' | 'endedSince'>
type Name = keyof Methods
type Caller = (...args: readonly unknown[]) => Promise<unknown>

/** The listener of one instance, which the run calls when the news arrive. */
export interface EndedListener {
  notify: Parameters<SessionRows['watchEnded']>[0]
}

/** Creates an instance's view of the store: each call of its rows waits until the explorer lets it be carried out. */
export function createScheduledSessions(scene: Scene, at: number, listener: EndedListener): SessionStore {
  const rows = createScheduledRows(scene, at, listener)
  const sessions = createMarkedSessions({ rows, marks: createSessionMarks(scene.secrets), epochs: noEpochs })
  return {
    ...sessions,
    bind: (session, jkt) => {
      scene.isBinding = true
      const written = sessions.bind(session, jkt)
      scene.isBinding = false
      return written
    },
    // A confirmation serves no request: it goes on after the answer.
    confirm: (id, generation, confirmedAt) => {
      const { cause } = scene
      scene.cause = undefined
      scene.confirming = { generation, confirmedAt }
      const written = sessions.confirm(id, generation, confirmedAt)
      scene.cause = cause
      scene.confirming = undefined
      return written
    },
  }
}

function createScheduledRows(scene: Scene, at: number, listener: EndedListener): SessionRows {
  const schedule =
    <N extends Name>(method: N) =>
    (...args: Parameters<Methods[N]>): Promise<Awaited<ReturnType<Methods[N]>>> =>
      new Promise((resolve, reject) => {
        const { cause, confirming, isBinding } = scene
        if (isBinding && cause) cause.isBinding = true
        scene.pending.push({
          method,
          at,
          cause,
          confirming,
          isBinding,
          args,
          // The arguments are those of the method of the same name.
          // oxlint-disable-next-line typescript/no-unsafe-type-assertion
          carryOut: () => scene.durable.carryOut((rows) => (rows[method] as Caller)(...args)),
          // oxlint-disable-next-line typescript/no-unsafe-type-assertion
          resolve: (result) => resolve(result as Awaited<ReturnType<Methods[N]>>),
          fail: () => reject(failure('storeUnreachable')),
        })
      })
  return {
    insert: schedule('insert'),
    read: schedule('read'),
    replace: schedule('replace'),
    end: schedule('end'),
    refuseSignIns: schedule('refuseSignIns'),
    endSomeOf: schedule('endSomeOf'),
    list: schedule('list'),
    // The list of ended sessions has worlds of its own.
    endedSince: () => scene.durable.current().sessions.endedSince(0),
    readEpoch: schedule('readEpoch'),
    replaceEpoch: schedule('replaceEpoch'),
    restoreEnded: schedule('restoreEnded'),
    // As the memory store: it passes on all news by itself.
    syncEnded: async () => {},
    watchEnded: (notify) => {
      listener.notify = notify
      return () => {}
    },
  }
}

/** Makes a question to the admin API wait like a call of the store. */
export function scheduleQuestion(scene: Scene, at: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const question: StoreCall = {
      method: 'question to the admin API',
      at,
      cause: scene.cause,
      confirming: undefined,
      isBinding: false,
      args: [],
      carryOut: async () => {},
      resolve: () => resolve(),
      fail: () => reject(failure('storeUnreachable')),
    }
    scene.pending.push(question)
  })
}
