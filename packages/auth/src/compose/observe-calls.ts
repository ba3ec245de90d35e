import { AuthError } from '../base/errors.js'
import type { AdminPlace, AdminQuota } from '../members/index.js'
import type { Store } from '../stores/index.js'
import { silentTelemetry, type Telemetry } from '../telemetry/index.js'

/** Returns monotonic seconds: durations do not jump when the clock of the machine is set. */
const elapsed = () => performance.now() / 1000

/** Returns the store, with the duration of each call of its sessions and of `check` reported as an answer of `store`. */
export function observeStore(store: Store, telemetry: Telemetry): Store {
  if (telemetry === silentTelemetry) return store
  const sessions = observeMethods(store.sessions, telemetry)
  const check = async () => await observeCall(async () => await store.check(), telemetry, 'check')
  // A proxy and not a copy: a store may be an instance of a class.
  return new Proxy(store, {
    get(target, name) {
      if (name === 'sessions') return sessions
      if (name === 'check') return check
      return boundMember(target, name)
    },
  })
}

function observeMethods(sessions: Store['sessions'], telemetry: Telemetry): Store['sessions'] {
  return new Proxy(sessions, {
    get(target, name) {
      const member = boundMember(target, name)
      // A subscription is no call that takes time.
      if (typeof member !== 'function' || name === 'watchEnded') return member
      return (...args: unknown[]) =>
        observeCall(async () => await Reflect.apply(member, target, args), telemetry, String(name))
    },
  })
}

function boundMember(target: object, name: string | symbol): unknown {
  const member: unknown = Reflect.get(target, name)
  return typeof member === 'function' ? member.bind(target) : member
}

/** @param name - the method of the store, which is the name of the operation in a trace */
async function observeCall(
  call: () => Promise<unknown>,
  telemetry: Telemetry,
  name: string,
): Promise<unknown> {
  const startedAt = elapsed()
  const report = (outcome: 'ok' | 'failed') =>
    telemetry.observeUpstream({ target: 'store', outcome, durationSeconds: elapsed() - startedAt })
  try {
    const operation = { name: 'call', target: 'store', attributes: { 'db.operation.name': name } } as const
    const result = await (telemetry.trace ? telemetry.trace(operation, call) : call())
    report('ok')
    return result
  } catch (error) {
    // Every other error is one of the caller, which the store has answered.
    report(error instanceof AuthError && error.code === 'AUTH_UNAVAILABLE' ? 'failed' : 'ok')
    throw error
  }
}

/** Returns the quota, with each attempt to get a place reported, and the time it took. */
export function observeQuota(quota: AdminQuota, telemetry: Telemetry): AdminQuota {
  if (telemetry.observe === undefined) return quota
  return {
    async take(waitSeconds, caller): Promise<AdminPlace> {
      const startedAt = elapsed()
      const place = await quota.take(waitSeconds, caller)
      telemetry.observe?.({
        kind: 'admin_quota',
        outcome: place.kind,
        waitedSeconds: elapsed() - startedAt,
      })
      return place
    },
    pause: (seconds) => quota.pause(seconds),
  }
}
