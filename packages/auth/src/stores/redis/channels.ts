import { KnownCause } from '../../base/causes.js'
import type { Redis } from 'ioredis'
import { failure } from '../../base/failures.js'
import { kindOfError } from './replies.js'

/** The pub/sub channels of Redis. */
export interface RedisChannels {
  /** Subscribes to a channel. Several may subscribe to the same one. */
  subscribe(channel: string, subscriber: Subscriber): Subscription
  /** Checks that the connection is alive, and repeats failed subscriptions. A dead connection is replaced. */
  probe(): void
}

/** The callbacks of one subscription. */
export interface Subscriber {
  readonly onMessage: (message: string) => void
  /** Messages may have been missed, and the subscription stands again. */
  readonly onGap: () => void
}

/** One subscription. */
export interface Subscription {
  /** Resolves once Redis has acknowledged it. @throws AuthError `AUTH_UNAVAILABLE` */
  acknowledged(): Promise<void>
  stop(): void
}

interface Channel {
  readonly name: string
  readonly subscribers: Set<Subscriber>
  state: 'asked' | 'subscribed' | 'failed'
  acknowledged: Promise<void>
}

/** @param client - a connection that is used for nothing else */
export function createChannels(client: Redis): RedisChannels {
  const channels = new Map<string, Channel>()

  client.on('ready', () => {
    for (const channel of channels.values()) resubscribe(client, channel)
  })
  client.on('message', (name: string, message: string) => {
    for (const { onMessage } of channels.get(name)?.subscribers ?? []) onMessage(message)
  })
  const open = (name: string): Channel => {
    const opened: Channel = {
      name,
      subscribers: new Set(),
      state: 'asked',
      acknowledged: Promise.resolve(),
    }
    channels.set(name, opened)
    subscribe(client, opened)
    return opened
  }
  const leave = (channel: Channel, subscriber: Subscriber) => {
    channel.subscribers.delete(subscriber)
    if (channel.subscribers.size > 0 || channels.get(channel.name) !== channel) return
    channels.delete(channel.name)
    client.unsubscribe(channel.name).catch(() => {})
  }
  return {
    subscribe(name, given) {
      const channel = channels.get(name) ?? open(name)
      // A copy, so that an object that subscribes twice is called twice and leaves once.
      const subscriber = { ...given }
      channel.subscribers.add(subscriber)
      return { acknowledged: () => channel.acknowledged, stop: () => leave(channel, subscriber) }
    },
    probe() {
      // If it fails, the driver closes the silent connection.
      client.ping().catch(() => {})
      for (const channel of channels.values()) if (channel.state === 'failed') resubscribe(client, channel)
    },
  }
}

function subscribe(client: Redis, channel: Channel): void {
  channel.state = 'asked'
  const ask = async () => {
    try {
      await client.subscribe(channel.name)
      channel.state = 'subscribed'
    } catch (error) {
      channel.state = 'failed'
      throw failure('storeUnreachable', { cause: new KnownCause(kindOfError(error) ?? 'no subscription') })
    }
  }
  channel.acknowledged = ask()
  // Callers that wait for it get the error. Nobody has to wait.
  channel.acknowledged.catch(() => {})
}

function resubscribe(client: Redis, channel: Channel): void {
  subscribe(client, channel)
  // A failure is repeated at the next probe, or when the next connection is ready.
  channel.acknowledged.then(
    () => channel.subscribers.forEach(({ onGap }) => onGap()),
    () => {},
  )
}
