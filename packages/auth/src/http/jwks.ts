import type { Perennial } from './perennial.js'
import type { AuthResponse } from './auth-request.js'

/** The answer with the key set of our access tokens (RFC 7517 §5). Never rejects. */
export async function answerJwks(perennial: Perennial): Promise<AuthResponse> {
  try {
    // Keys are published a day before they sign, so everybody may keep the set for a while.
    const headers = {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'public, max-age=300',
    }
    return { status: 200, headers, body: await perennial.readJwks() }
  } catch (error) {
    return perennial.toResponse(error)
  }
}
