/** The ids of webhook messages whose work is done. A store that cannot answer rejects with `AUTH_UNAVAILABLE`. */
export interface WebhookLog {
  isDone(messageId: string): Promise<boolean>
  /** Remembers the id until `forgetAt` (seconds since the epoch) at least. */
  markDone(messageId: string, forgetAt: number): Promise<void>
}
