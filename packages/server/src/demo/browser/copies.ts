import { callApi } from './actions.js'
import { byId, log } from './page.js'
import { isKeyless, storageKey, type DemoSession } from './session.js'

/** The tokens of a session, as a thief copies them. */
interface Copy {
  readonly accessToken: string
  readonly refreshToken: string
}

/** Returns the field of the page for tokens that go to another browser or come from it. */
function copyField(): HTMLTextAreaElement {
  const field = byId('copy')
  if (!(field instanceof HTMLTextAreaElement)) throw new Error('#copy is no text field')
  return field
}

/** Puts the tokens of this browser where they can be copied: all that its storage has of them, and that a script can read. */
export async function copyTokens(): Promise<void> {
  const stored: Partial<Copy> = JSON.parse(localStorage.getItem(storageKey()) ?? '{}')
  const { accessToken = '', refreshToken = '' } = stored
  const field = copyField()
  field.value = JSON.stringify({ accessToken, refreshToken } satisfies Copy)
  field.select()
  log(
    'you',
    `Copied the tokens. The key ${isKeyless() ? 'is missing: this session has none' : 'cannot be copied'}.`,
  )
}

/** Presents the refresh token of another browser, as a thief does, and takes over its session if the service lets it. */
export async function useCopiedTokens(demo: DemoSession): Promise<void> {
  const copy: Partial<Copy> = JSON.parse(copyField().value)
  const response = await fetch('/v1/auth/refresh-token', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ refreshToken: copy.refreshToken }),
  })
  const answer: Partial<Copy> & { readonly code?: string } = await response.json()
  if (answer.code === 'AUTH_PROOF_INVALID') {
    log('service', 'Refused the copy: this browser has the tokens, but not the key of their session.', 'end')
    return
  }
  const { accessToken, refreshToken = copy.refreshToken } = answer
  if (accessToken === undefined || refreshToken === undefined) {
    log('service', 'Refused the copy: its session has ended.', 'end')
    return
  }
  log('service', 'Took the copy: its session has no key, so whoever has the tokens is the member.', 'trouble')
  await demo.session.signIn({ accessToken, refreshToken })
  await callApi(demo)
}
