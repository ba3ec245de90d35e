import { setMaxListeners } from 'node:events'
import { Webhook } from 'standardwebhooks'
import { type Clock, wholeSeconds } from '../base/clock.js'
import { newId } from '../members/index.js'

/** One attempt to deliver a webhook. */
export interface WebhookAttempt {
  /** Seconds; also the `svix-timestamp` of this attempt. */
  readonly at: number
  /** The status of the receiver's answer; null without an answer. */
  readonly status: number | null
}

/** A webhook and the result of its delivery. */
export interface WebhookDelivery {
  /** The `svix-id`, the same for every attempt. */
  readonly id: string
  readonly event: string
  readonly url: string
  /** The exact body that was signed. */
  readonly body: string
  readonly attempts: readonly WebhookAttempt[]
  /** `dropped`: a reset or the end of the emulator stopped the delivery. */
  readonly state: 'pending' | 'delivered' | 'failed' | 'dropped'
}

/** Sends signed webhooks to the URL that is set. Without a URL nothing is sent or stored. */
export interface WebhookSender {
  /** Sets the URL; null turns webhooks off. Deliveries that have started keep their URL. */
  setUrl(url: string | null): void
  /** Starts a delivery and returns its id, or null if no URL is set. */
  send(event: string, content: object): string | null
  /** Delivers a stored webhook again with the same id, as "replay" in the dashboard does. Returns false if it is unknown or pending. */
  resend(id: string): boolean
  /** Returns the last 1,000 deliveries, oldest first. */
  deliveries(): readonly WebhookDelivery[]
  /** Resolves when no delivery is pending. */
  settled(): Promise<void>
  /** Stops and removes all deliveries. */
  reset(): void
}

/** The options of {@link createWebhookSender}. */
export interface WebhookSenderOptions {
  readonly clock: Clock
  readonly secret: string
  /** The pauses before the second, third and later attempts, in seconds. */
  readonly retrySeconds: readonly number[]
  /** The longest time of one attempt, in seconds. */
  readonly timeoutSeconds: number
}

const storedDeliveries = 1000

interface Running {
  delivery: WebhookDelivery
  done: Promise<void>
}

/** Creates a sender with the rules of Svix: 2xx is success; anything else is retried on a fixed schedule. */
export function createWebhookSender(options: WebhookSenderOptions): WebhookSender {
  const runs = new Map<string, Running>()
  let stop = newStop()
  let url: string | null = null

  function start(delivery: WebhookDelivery): void {
    const run: Running = { delivery, done: Promise.resolve() }
    runs.delete(delivery.id)
    runs.set(delivery.id, run)
    run.done = deliver(run, options, stop.signal)
    const oldest = runs.keys().next().value
    if (runs.size > storedDeliveries && oldest !== undefined) runs.delete(oldest)
  }

  return {
    setUrl(next) {
      url = next
    },
    send(event, content) {
      if (url === null) return null
      const id = newId('msg')
      start({ id, event, url, body: JSON.stringify(content), attempts: [], state: 'pending' })
      return id
    },
    resend(id) {
      const before = runs.get(id)
      if (!before || before.delivery.state === 'pending') return false
      start({ ...before.delivery, state: 'pending' })
      return true
    },
    deliveries: () => [...runs.values()].map(({ delivery }) => delivery),
    async settled() {
      while (pendingOf(runs).length > 0) await Promise.all(pendingOf(runs))
    },
    reset() {
      stop.abort()
      stop = newStop()
      runs.clear()
    },
  }
}

const pendingOf = (runs: ReadonlyMap<string, Running>): readonly Promise<void>[] =>
  [...runs.values()].filter(({ delivery }) => delivery.state === 'pending').map(({ done }) => done)

function newStop(): AbortController {
  const stop = new AbortController()
  // Every waiting delivery adds a listener. Node warns of a leak above ten.
  setMaxListeners(0, stop.signal)
  return stop
}

async function deliver(run: Running, options: WebhookSenderOptions, stop: AbortSignal): Promise<void> {
  for (const pause of [0, ...options.retrySeconds]) {
    await pauseFor(pause, stop)
    const attempt = stop.aborted ? null : await post(run.delivery, options, stop)
    // Checked again: the delivery may have been stopped during the request.
    if (stop.aborted || !attempt) {
      run.delivery = { ...run.delivery, state: 'dropped' }
      return
    }
    const isDelivered = attempt.status !== null && attempt.status >= 200 && attempt.status < 300
    const attempts = [...run.delivery.attempts, attempt]
    run.delivery = { ...run.delivery, attempts, state: isDelivered ? 'delivered' : 'pending' }
    if (isDelivered) return
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
  const at = wholeSeconds(options.clock)
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
    // A refused connection, a reset and a timeout are the same: the next attempt follows.
    return { at, status: null }
  }
}
