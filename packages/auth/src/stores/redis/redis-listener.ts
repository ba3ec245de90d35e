import type { Redis } from 'ioredis'
import { failure } from '../../base/failures.js'

/** Hears what is published. */
export interface RedisListener {
  /** Hears a channel until told to stop. Several may hear one channel. */
  hear(channel: string, hearer: RedisHearer): RedisHearing
  /** Finds out whether the connection still lives, and hears again what could not be heard; a dead one is made anew. */
  probe(): void
}

/** What is told to one who hears a channel. */
export interface RedisHearer {
  readonly onMessage: (message: string) => void
  /** Messages may have been missed, and the channel is heard again. */
  readonly onGap: () => void
}

/** One who hears a channel. */
export interface RedisHearing {
  /** Resolves once Redis has said that it will tell us. @throws AuthError `AUTH_UNAVAILABLE` */
  heard(): Promise<void>
  stop(): void
}

interface Channel {
  readonly name: string
  readonly hearers: Set<RedisHearer>
  state: 'asked' | 'heard' | 'failed'
  subscribed: Promise<void>
}

/** @param client - a connection that does nothing else */
export function createListener(client: Redis): RedisListener {
  const channels = new Map<string, Channel>()

  client.on('ready', () => {
    for (const channel of channels.values()) hearAgain(client, channel)
  })
  client.on('message', (name: string, message: string) => {
    for (const { onMessage } of channels.get(name)?.hearers ?? []) onMessage(message)
  })
  const open = (name: string): Channel => {
    const opened: Channel = { name, hearers: new Set(), state: 'asked', subscribed: Promise.resolve() }
    channels.set(name, opened)
    subscribe(client, opened)
    return opened
  }
  const leave = (channel: Channel, hearer: RedisHearer) => {
    channel.hearers.delete(hearer)
    if (channel.hearers.size > 0 || channels.get(channel.name) !== channel) return
    channels.delete(channel.name)
    client.unsubscribe(channel.name).catch(() => {})
  }
  return {
    hear(name, given) {
      const channel = channels.get(name) ?? open(name)
      // A copy of its own, so that one who hears twice leaves once.
      const hearer = { ...given }
      channel.hearers.add(hearer)
      return { heard: () => channel.subscribed, stop: () => leave(channel, hearer) }
    },
    probe() {
      // Its failure closes a connection that is silent.
      client.ping().catch(() => {})
      for (const channel of channels.values()) if (channel.state === 'failed') hearAgain(client, channel)
    },
  }
}

function subscribe(client: Redis, channel: Channel): void {
  channel.state = 'asked'
  const ask = async () => {
    try {
      await client.subscribe(channel.name)
      channel.state = 'heard'
    } catch {
      channel.state = 'failed'
      throw failure('storeUnreachable')
    }
  }
  channel.subscribed = ask()
  // Whoever waits for it is told; nobody need wait.
  channel.subscribed.catch(() => {})
}

function hearAgain(client: Redis, channel: Channel): void {
  subscribe(client, channel)
  // What fails is done again at the next probe, or when the next connection stands.
  channel.subscribed.then(
    () => channel.hearers.forEach(({ onGap }) => onGap()),
    () => {},
  )
}
