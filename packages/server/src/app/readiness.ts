import { AuthError } from '@perennial/auth'

/**
 * Asks once for however many ask at the same time, and waits `timeoutSeconds` at most: whoever may call `/readyz` must
 * not be able to load the store with it.
 */
export function createReadiness(check: () => Promise<void>, timeoutSeconds: number): () => Promise<void> {
  let asking: Promise<void> | null = null
  return () => {
    asking ??= within(timeoutSeconds, check()).finally(() => {
      asking = null
    })
    return asking
  }
}

async function within(seconds: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(tooSlow()), seconds * 1000)
  })
  try {
    await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}

function tooSlow(): AuthError {
  return new AuthError('AUTH_UNAVAILABLE', 'What we depend on does not answer.', {
    retryable: true,
    retryAfterSeconds: 1,
    reason: 'timeout',
  })
}
