/** The door of the webhooks room: Memberstack's webhooks, their signatures, and what follows from each event. */
export type { WebhookLog } from './webhooks.js'
export type { WebhookDelivery } from './webhook-signature.js'
export { createWebhooks, type Webhooks, type WebhooksOptions } from './webhooks.js'
