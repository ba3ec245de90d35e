import type { WebhookLog } from '../../webhooks/index.js'
import type { Connection } from './connection.js'

/** The ids of finished webhook messages in a SQLite file. */
export function createSqliteWebhookLog({ read, write }: Connection): WebhookLog {
  return {
    isDone: (id) =>
      read(
        (statements) => statements.one('SELECT 1 FROM webhook_messages WHERE id = :id', { id }) !== undefined,
      ),
    markDone: (id, forgetAt) =>
      write((statements) => {
        statements.run(
          `INSERT INTO webhook_messages (id, forget_at) VALUES (:id, :forgetAt)
           ON CONFLICT (id) DO UPDATE SET forget_at = max(forget_at, excluded.forget_at)`,
          { id, forgetAt: Math.ceil(forgetAt) },
        )
      }),
  }
}
