import { AuthError } from '../base/errors.js'
import type { AdminPlace, AdminQuota } from '../members/index.js'
import type { Store } from '../stores/index.js'
import { silentTelemetry, type Telemetry } from '../telemetry/index.js'
import type { StoreWatch } from './store-watch.js'

/** Returns monotonic seconds: durations do not jump when the clock of the machine is set. */
const elapsed = () => performance.now() / 1000

/** The watched parts of a store, and those whose calls are timed too. */
const watched: ReadonlySet<string | symbol> = new Set([
  'sessions',
  'owner',
  'signingKeys',
  'webhookLog',
  'sharedAnswers',
])

/**
 * Returns the store, with the duration of each call of its sessions and of `check` reported as an answer of `store`, and each
 * call that fails for want of the store passed to `watch`.
 */
export function observeStore(store: Store, telemetry: Telemetry, watch: StoreWatch): Store {
  if (telemetry === silentTelemetry) return store
  const parts = new Map<string | symbol, object>()
  const observed = (name: string | symbol, part: object): object => {
    const known = parts.get(name)
    if (known) return known
    const made = observeMethods(part, { watch, telemetry: name === 'sessions' ? telemetry : silentTelemetry })
    parts.set(name, made)
    return made
  }
  const check = async () => {
    await observeCall(async () => await store.check(), { watch, telemetry, name: 'check' })
    watch.answered()
  }
  const close = async () => {
    watch.close()
    await store.close()
  }
  // A proxy and not a copy: a store may be an instance of a class.
  return new Proxy(store, {
    get(target, name) {
      if (name === 'check') return check
      if (name === 'close') return close
      const member = boundMember(target, name)
      return watched.has(name) && typeof member === 'object' && member !== null
        ? observed(name, member)
        : member
    },
  })
}

interface Observer {
  readonly telemetry: Telemetry
  readonly watch: StoreWatch
}

function observeMethods(part: object, observer: Observer): object {
  return new Proxy(part, {
    get(target, name) {
      const member = boundMember(target, name)
      // A subscription, or a sequence, is no call that takes time.
      const isNoCall = name === 'watchEnded' || name === 'endedSince'
      if (typeof member !== 'function' || isNoCall) return member
      return (...args: unknown[]) =>
        observeCall(async () => await Reflect.apply(member, target, args), {
          ...observer,
          name: String(name),
        })
    },
  })
}

function boundMember(target: object, name: string | symbol): unknown {
  const member: unknown = Reflect.get(target, name)
  return typeof member === 'function' ? member.bind(target) : member
}

/** `name`: the method of the store, which is the name of the operation in a trace. */
async function observeCall(
  call: () => Promise<unknown>,
  { telemetry, watch, name }: Observer & { readonly name: string },
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
    const isAway = error instanceof AuthError && error.code === 'AUTH_UNAVAILABLE'
    report(isAway ? 'failed' : 'ok')
    if (isAway) watch.failed(error)
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
