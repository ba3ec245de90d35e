export type { WebhookAttempt, WebhookDelivery } from './webhook-sender.js'
export { createWorld, type World } from './world.js'
