import { systemClock, type Clock } from './clock.js'
import type { Seed } from './members/seed.js'
import { newWebhookSecret, readWebhookSecret, readWebhookUrl } from './webhooks/webhook-secret.js'

/** Everything {@link startEmulator} can be told. */
export interface EmulatorOptions {
  /** Where to listen on 127.0.0.1; 0 takes a free port. @defaultValue 0 */
  readonly port?: number | undefined
  /** Tells the time to tokens, webhooks and the quota. @defaultValue the machine's clock */
  readonly clock?: Clock | undefined
  /** Where webhooks go. @defaultValue none are sent */
  readonly webhookUrl?: string | undefined
  /** `whsec_…`. @defaultValue a new one */
  readonly webhookSecret?: string | undefined
  /** The pauses before each further attempt at a webhook, in seconds. @defaultValue Svix's: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h */
  readonly webhookRetrySeconds?: readonly number[] | undefined
  /** How long one attempt at a webhook may take, in seconds. @defaultValue 15 */
  readonly webhookTimeoutSeconds?: number | undefined
  /** Requests a second that one address may make to the admin API. @defaultValue 25 */
  readonly adminRequestsPerSecond?: number | undefined
  /** Members and plans to start with. @defaultValue Ada, and every `pln_…` id as a free plan */
  readonly seed?: Seed | undefined
}

/** The options with every default filled in. */
export interface EmulatorSettings {
  readonly port: number
  readonly clock: Clock
  readonly webhookUrl: string | null
  readonly webhookSecret: string
  readonly webhookRetrySeconds: readonly number[]
  readonly webhookTimeoutSeconds: number
  readonly adminRequestsPerSecond: number
  readonly seed: Seed
}

const svixRetrySeconds = [5, 300, 1800, 7200, 18_000, 36_000, 36_000]

/**
 * Fills in defaults.
 * @throws TypeError for a value that cannot be used.
 */
export function readOptions(options: EmulatorOptions): EmulatorSettings {
  const { webhookUrl, webhookRetrySeconds = svixRetrySeconds } = options
  return {
    port: inRange('port', options.port ?? 0, { least: 0, most: 65_535 }),
    clock: options.clock ?? systemClock,
    webhookUrl: webhookUrl === undefined ? null : readWebhookUrl(webhookUrl),
    webhookSecret: readWebhookSecret(options.webhookSecret ?? newWebhookSecret()),
    webhookRetrySeconds: webhookRetrySeconds.map(readSeconds('webhookRetrySeconds')),
    webhookTimeoutSeconds: readSeconds('webhookTimeoutSeconds')(options.webhookTimeoutSeconds ?? 15),
    adminRequestsPerSecond: inRange('adminRequestsPerSecond', options.adminRequestsPerSecond ?? 25, {
      least: 1,
      most: 1_000_000,
    }),
    seed: options.seed ?? {},
  }
}

function inRange(name: string, value: number, { least, most }: { least: number; most: number }): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw new TypeError(`${name} must be a whole number from ${least} to ${most}`)
}

// Node's timers cannot wait longer than 2^31 - 1 ms; longer pauses would become none at all.
const longestSeconds = 2_147_483

const readSeconds =
  (name: string) =>
  (value: number): number => {
    if (value > 0 && value <= longestSeconds) return value
    throw new TypeError(`${name} must be seconds above 0 and at most ${longestSeconds}`)
  }
