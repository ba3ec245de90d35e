import { randomBytes } from 'node:crypto'
import { BlockList, isIP } from 'node:net'
import { type Clock, systemClock } from '../base/clock.js'
import type { Seed } from '../members/index.js'
import { changeSwitches, type SwitchChanges, type Switches } from './switches.js'

/** The options of {@link startEmulator}. */
export interface EmulatorOptions {
  /** The address to listen on: `localhost` or an IP address. @defaultValue `127.0.0.1` */
  readonly host?: string | undefined
  /** Permits a `host` that other machines can reach. The keys of the emulator are public. @defaultValue false */
  readonly allowRemote?: boolean | undefined
  /** The port; 0 takes a free port. @defaultValue 0 */
  readonly port?: number | undefined
  /** The clock of tokens, webhooks and the request quota. @defaultValue the clock of the machine */
  readonly clock?: Clock | undefined
  /** The URL that receives webhooks. @defaultValue no webhooks are sent */
  readonly webhookUrl?: string | undefined
  /** The signing secret of webhooks, `whsec_…`. @defaultValue a new one */
  readonly webhookSecret?: string | undefined
  /** The pauses before each further attempt at a webhook, in seconds. @defaultValue Svix's: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h */
  readonly webhookRetrySeconds?: readonly number[] | undefined
  /** The longest time of one attempt at a webhook, in seconds. @defaultValue 15 */
  readonly webhookTimeoutSeconds?: number | undefined
  /** The number of requests a second that one address may send to the admin API. @defaultValue 25 */
  readonly adminRequestsPerSecond?: number | undefined
  /** The members and plans at the start. @defaultValue Ada and Bob, and every `pln_…` id as a free plan */
  readonly seed?: Seed | undefined
  /** The switches at the start and after a reset. @defaultValue those of {@link Switches} */
  readonly switches?: SwitchChanges | undefined
}

/** The options with every default filled in. */
export interface EmulatorSettings {
  readonly host: string
  readonly port: number
  readonly clock: Clock
  readonly webhookUrl: string | null
  readonly webhookSecret: string
  readonly webhookRetrySeconds: readonly number[]
  readonly webhookTimeoutSeconds: number
  readonly adminRequestsPerSecond: number
  readonly seed: Seed
  readonly switches: Switches
}

const svixRetrySeconds = [5, 300, 1800, 7200, 18_000, 36_000, 36_000]

/**
 * Fills in the defaults.
 * @throws TypeError if a value is not valid.
 */
export function readOptions(options: EmulatorOptions): EmulatorSettings {
  return {
    ...readListenOptions(options),
    ...readWebhookOptions(options),
    clock: options.clock ?? systemClock,
    adminRequestsPerSecond: readInteger('adminRequestsPerSecond', options.adminRequestsPerSecond ?? 25, {
      least: 1,
      most: 1_000_000,
    }),
    seed: options.seed ?? {},
    switches: changeSwitches(options.switches ?? {}),
  }
}

const readListenOptions = ({ host, allowRemote, port }: EmulatorOptions) => ({
  host: readHost(host ?? '127.0.0.1', allowRemote ?? false),
  port: readInteger('port', port ?? 0, { least: 0, most: 65_535 }),
})

function readWebhookOptions({ webhookUrl, webhookSecret, ...options }: EmulatorOptions) {
  const { webhookRetrySeconds = svixRetrySeconds, webhookTimeoutSeconds = 15 } = options
  return {
    webhookUrl: webhookUrl === undefined ? null : readWebhookUrl(webhookUrl),
    webhookSecret: readWebhookSecret(webhookSecret ?? newWebhookSecret()),
    webhookRetrySeconds: webhookRetrySeconds.map(readSeconds('webhookRetrySeconds')),
    webhookTimeoutSeconds: readSeconds('webhookTimeoutSeconds')(webhookTimeoutSeconds),
  }
}

function readHost(host: string, allowRemote: boolean): string {
  if (host !== 'localhost' && isIP(host) === 0) {
    throw new TypeError('host must be localhost or an IP address, such as 127.0.0.1')
  }
  if (allowRemote || isLoopbackHost(host)) return host
  throw new TypeError(
    `host ${host} can be reached by other machines, and the keys of the emulator are public: listen there only with allowRemote (--allow-remote)`,
  )
}

function readInteger(name: string, value: number, { least, most }: { least: number; most: number }): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw new TypeError(`${name} must be a whole number from ${least} to ${most}`)
}

// Node's timers cannot wait longer than 2^31 - 1 ms. A longer pause would fire at once.
const longestSeconds = 2_147_483

const readSeconds =
  (name: string) =>
  (value: number): number => {
    if (value > 0 && value <= longestSeconds) return value
    throw new TypeError(`${name} must be seconds above 0 and at most ${longestSeconds}`)
  }

/** Creates a signing secret in the form of Svix: `whsec_` and 24 random bytes in base64. */
const newWebhookSecret = (): string => `whsec_${randomBytes(24).toString('base64')}`

function readWebhookSecret(secret: string): string {
  const encoded = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret)?.[1] ?? ''
  const { length } = Buffer.from(encoded, 'base64')
  if (length >= 24 && length <= 64) return secret
  throw new TypeError('the webhook secret must be "whsec_" and 24 to 64 bytes in base64')
}

/**
 * Returns the URL in its normal form.
 * @throws TypeError unless it is an http or https URL without a user name and password.
 */
export function readWebhookUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null
  const isHttp = parsed?.protocol === 'http:' || parsed?.protocol === 'https:'
  if (parsed && isHttp && !parsed.username && !parsed.password) return parsed.href
  throw new TypeError('the webhook URL must be an http or https URL, such as http://127.0.0.1:8787/webhooks')
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Returns true for an address of 127.0.0.0/8, also in its IPv4-mapped form (`::ffff:127.0.0.1`), and for `::1`. */
export function isLoopbackAddress(address: string): boolean {
  const version = isIP(address)
  return version !== 0 && loopback.check(address, version === 4 ? 'ipv4' : 'ipv6')
}

/** Returns true for `localhost` and for a loopback address, with or without the brackets of IPv6. */
export function isLoopbackHost(hostname: string): boolean {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
  return bare === 'localhost' || isLoopbackAddress(bare)
}
