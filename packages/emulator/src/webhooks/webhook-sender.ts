import { setMaxListeners } from 'node:events'
import { Webhook } from 'standardwebhooks'
import type { Clock } from '../clock.js'
import { randomId } from '../members/random-id.js'

/** One try at delivering a webhook. */
export interface WebhookAttempt {
  /** Seconds; also the `svix-timestamp` of this attempt. */
  readonly at: number
  /** What the receiver answered; null: no answer. */
  readonly status: number | null
}

/** A webhook and what became of it. */
export interface WebhookDelivery {
  /** The `svix-id`: the same for every attempt. */
  readonly id: string
  readonly event: string
  readonly url: string
  /** The exact body that was signed. */
  readonly body: string
  readonly attempts: readonly WebhookAttempt[]
  /** `dropped`: a reset or the end of the emulator came first. */
  readonly state: 'pending' | 'delivered' | 'failed' | 'dropped'
}

/** Sends signed webhooks to the URL that is set; without one, nothing is sent or kept. */
export interface WebhookSender {
  /** Where to; null turns webhooks off. Deliveries under way keep the URL they started with. */
  setUrl(url: string | null): void
  /** Starts a delivery and answers its id; null where no URL is set. */
  send(event: string, content: object): string | null
  /** Delivers a kept webhook once more under its own id, as the dashboard's "replay" does. */
  resend(id: string): boolean
  /** The last 1,000, oldest first. */
  deliveries(): readonly WebhookDelivery[]
  /** Resolves when nothing is under way any more: delivered, given up or dropped. */
  settled(): Promise<void>
  /** Forgets everything and stops what is under way. */
  reset(): void
}

/** How the sender is told about the world. */
export interface WebhookSenderOptions {
  readonly clock: Clock
  readonly secret: string
  /** The pauses before the second, third … attempt, in seconds. */
  readonly retrySeconds: readonly number[]
  /** How long one attempt may take, in seconds. */
  readonly timeoutSeconds: number
}

const keptDeliveries = 1000

interface Running {
  delivery: WebhookDelivery
  done: Promise<void>
}

/** Makes a sender that delivers as Svix does: 2xx is success, anything else is tried again on a fixed schedule. */
export function createWebhookSender(options: WebhookSenderOptions): WebhookSender {
  const kept = new Map<string, Running>()
  let stop = newStop()
  let url: string | null = null

  function start(delivery: WebhookDelivery): void {
    const run: Running = { delivery, done: Promise.resolve() }
    kept.delete(delivery.id)
    kept.set(delivery.id, run)
    run.done = deliver(run, options, stop.signal)
    const oldest = kept.keys().next().value
    if (kept.size > keptDeliveries && oldest !== undefined) kept.delete(oldest)
  }

  return {
    setUrl(next) {
      url = next
    },
    send(event, content) {
      if (url === null) return null
      const id = randomId('msg')
      start({ id, event, url, body: JSON.stringify(content), attempts: [], state: 'pending' })
      return id
    },
    resend(id) {
      const before = kept.get(id)
      if (!before || before.delivery.state === 'pending') return false
      start({ ...before.delivery, state: 'pending' })
      return true
    },
    deliveries: () => [...kept.values()].map(({ delivery }) => delivery),
    async settled() {
      while (pendingOf(kept).length > 0) await Promise.all(pendingOf(kept))
    },
    reset() {
      stop.abort()
      stop = newStop()
      kept.clear()
    },
  }
}

const pendingOf = (kept: ReadonlyMap<string, Running>): readonly Promise<void>[] =>
  [...kept.values()].filter(({ delivery }) => delivery.state === 'pending').map(({ done }) => done)

function newStop(): AbortController {
  const stop = new AbortController()
  // Every delivery that waits listens; Node would take more than ten for a leak.
  setMaxListeners(0, stop.signal)
  return stop
}

async function deliver(run: Running, options: WebhookSenderOptions, stop: AbortSignal): Promise<void> {
  for (const pause of [0, ...options.retrySeconds]) {
    await pauseFor(pause, stop)
    const attempt = stop.aborted ? null : await post(run.delivery, options, stop)
    // Looked at again: the stop may have come while the answer was on its way.
    if (stop.aborted || !attempt) {
      run.delivery = { ...run.delivery, state: 'dropped' }
      return
    }
    const isTaken = attempt.status !== null && attempt.status >= 200 && attempt.status < 300
    const attempts = [...run.delivery.attempts, attempt]
    run.delivery = { ...run.delivery, attempts, state: isTaken ? 'delivered' : 'pending' }
    if (isTaken) return
  }
  run.delivery = { ...run.delivery, state: 'failed' }
}

function pauseFor(seconds: number, stop: AbortSignal): Promise<void> {
  if (seconds === 0 || stop.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const timer = setTimeout(end, seconds * 1000)
    stop.addEventListener('abort', end, { once: true })
    function end(): void {
      clearTimeout(timer)
      stop.removeEventListener('abort', end)
      resolve()
    }
  })
}

async function post(
  delivery: WebhookDelivery,
  options: WebhookSenderOptions,
  stop: AbortSignal,
): Promise<WebhookAttempt> {
  const { id, body, url } = delivery
  const at = Math.floor(options.clock())
  const signature = new Webhook(options.secret).sign(id, new Date(at * 1000), body)
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'Svix-Webhooks/1.0 (perennial-emulator)',
    'svix-id': id,
    'svix-timestamp': String(at),
    'svix-signature': signature,
  }
  const signal = AbortSignal.any([stop, AbortSignal.timeout(options.timeoutSeconds * 1000)])
  try {
    const answer = await fetch(url, { method: 'POST', headers, body, redirect: 'manual', signal })
    await answer.body?.cancel()
    return { at, status: answer.status }
  } catch {
    // Refused, reset or too slow: to a sender of webhooks these are one thing, and the next attempt is the answer.
    return { at, status: null }
  }
}
