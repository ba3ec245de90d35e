import { randomBytes } from 'node:crypto'

/** A new signing secret as Svix makes them: `whsec_` and 24 random bytes in base64. */
export const newWebhookSecret = (): string => `whsec_${randomBytes(24).toString('base64')}`

/**
 * A signing secret that both the receiver's SDK and Svix can read.
 * @throws TypeError for anything but `whsec_` and 24 to 64 bytes in base64.
 */
export function readWebhookSecret(secret: string): string {
  const encoded = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret)?.[1] ?? ''
  const { length } = Buffer.from(encoded, 'base64')
  if (length >= 24 && length <= 64) return secret
  throw new TypeError('the webhook secret must be "whsec_" and 24 to 64 bytes in base64')
}

/**
 * An address that webhooks can be sent to.
 * @throws TypeError for anything but an http or https URL.
 */
export function readWebhookUrl(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null
  const isWeb = parsed?.protocol === 'http:' || parsed?.protocol === 'https:'
  if (parsed && isWeb && !parsed.username && !parsed.password) return parsed.href
  throw new TypeError('the webhook URL must be an http or https URL, such as http://127.0.0.1:8787/webhooks')
}
