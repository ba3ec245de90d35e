import type { HttpClient } from '@perennial/auth'
import { type Config, isPlainHttpElsewhere } from '../config/index.js'
import { type Finding, findingsAbout } from './finding.js'
import { askUpstream, type UpstreamAnswer } from './upstream.js'

type Memberstack = Extract<Config['memberstack'], { kind: 'memberstack' }>

type Answered = Extract<UpstreamAnswer, { kind: 'answered' }>

/** An id that no member has: the check is only whether the API accepts the request. */
const unknownMember = 'mem_perennial_doctor'

const admin = findingsAbout('admin API')

/** The findings about the admin API, and its answer if it was asked. */
export interface AdminCheck {
  readonly findings: readonly Finding[]
  readonly answer?: UpstreamAnswer
}

/** Checks that the admin API can be reached and accepts the key, and reads its quota. */
export async function checkAdminApi(
  memberstack: Memberstack,
  { isProduction, httpClient }: { readonly isProduction: boolean; readonly httpClient: HttpClient },
): Promise<AdminCheck> {
  const { secretKey, adminUrl = 'https://admin.memberstack.com' } = memberstack
  if (secretKey === undefined)
    return {
      findings: [
        admin.warning(
          'MEMBERSTACK_SECRET_KEY is not set: e-mail and roles come from tokens only. Set it if your tokens do not carry them.',
        ),
      ],
    }
  const base = adminUrl.endsWith('/') ? adminUrl : `${adminUrl}/`
  const answer = await askUpstream(httpClient, `${base}members/${unknownMember}`, {
    'x-api-key': secretKey,
  })
  return { findings: [judge(answer), ...checkStage(secretKey, isProduction)], answer }
}

/** Warns if a sandbox key is used in production, or a live key outside of it. */
function checkStage(secretKey: string, isProduction: boolean): readonly Finding[] {
  const isSandbox = secretKey.startsWith('sk_sb_')
  if (isProduction === !isSandbox) return []
  return [
    isProduction
      ? admin.warning(
          'MEMBERSTACK_SECRET_KEY is a sandbox key, which does not know live members. Use the live key.',
        )
      : admin.warning(
          'MEMBERSTACK_SECRET_KEY is a live key, but NODE_ENV is not production: error details, /docs and /metrics are public. Set NODE_ENV=production.',
        ),
  ]
}

const notTheAdminApi =
  'answers, but not as the admin API does. Check that MEMBERSTACK_ADMIN_URL is the admin API and that no proxy answers instead.'

function judge(answer: UpstreamAnswer): Finding {
  if (answer.kind === 'silent')
    return admin.error(
      `cannot be reached (${answer.reason}). Check MEMBERSTACK_ADMIN_URL, the firewall and the outbound proxy.`,
    )
  if (answer.kind === 'too-large') return admin.error(notTheAdminApi)
  return judgeStatus(answer) ?? judgeBody(answer)
}

function judgeStatus(answer: Answered): Finding | null {
  const { status } = answer
  if (status === 401 || status === 403 || isKeyMalformed(answer))
    return admin.error(
      `refuses MEMBERSTACK_SECRET_KEY (${status}). Copy the secret key of this app again from Memberstack's dashboard.`,
    )
  if (status === 429)
    return admin.warning(
      'its quota is used up at the moment (429): 25 requests a second, shared by all programs behind this outbound address. Find out which others use it, or use another outbound address and name it in MEMBERSTACK_EGRESS.',
    )
  if (status >= 500)
    return admin.error(`answers with a server error (${status}). Check Memberstack's status page.`)
  if (status !== 200)
    return admin.error(
      `answers ${status}, which the admin API never does. Check that MEMBERSTACK_ADMIN_URL is the admin API.`,
    )
  return null
}

function judgeBody(answer: Answered): Finding {
  if (parse(answer.text)?.['data'] === undefined) return admin.error(notTheAdminApi)
  return admin.ok(`accepts the secret key. ${quotaOf(answer.headers)}`)
}

/** Returns true for the answer to a malformed key, which is 400; to an unknown key it is 401. */
function isKeyMalformed({ status, text }: Answered): boolean {
  return status === 400 && text.includes('validation/invalid-secret-key')
}

/** Describes the quota. Of the header only a number is shown: its text goes to a terminal. */
function quotaOf(headers: Readonly<Record<string, string>>): string {
  const left = headers['x-ratelimit-remaining'] ?? headers['ratelimit-remaining'] ?? ''
  const known = 'Its quota is 25 requests a second per address'
  return /^\d{1,9}$/.test(left) ? `${known}; ${left} are left in this window.` : `${known}.`
}

function parse(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : null
  } catch {
    return null
  }
}

const refreshApi = findingsAbout('refresh API')

/** Checks the refresh API of forward mode, by a GET without a token, which changes nothing there. */
export async function checkRefreshApi(
  url: string,
  httpClient: HttpClient,
): Promise<{ readonly findings: readonly Finding[]; readonly answer: UpstreamAnswer }> {
  const answer = await askUpstream(httpClient, url)
  return { findings: [judgeRefreshApi(answer), ...checkPlainHttp(url)], answer }
}

function judgeRefreshApi(answer: UpstreamAnswer): Finding {
  if (answer.kind === 'silent')
    return refreshApi.error(
      `cannot be reached (${answer.reason}). Check MEMBERSTACK_REFRESH_URL, the firewall and the outbound proxy.`,
    )
  if (answer.kind === 'too-large')
    return refreshApi.ok(
      'can be reached (more than 1 MiB to a GET without a token). Only a real refresh shows whether it works.',
    )
  const { status } = answer
  if (status >= 500)
    return refreshApi.error(
      `answers with a server error (${status}). Check its log, and MEMBERSTACK_REFRESH_URL.`,
    )
  if (status >= 300 && status < 400)
    return refreshApi.error(
      `redirects (${status}). Redirects are not followed, so that a refresh token goes to no other host. Set MEMBERSTACK_REFRESH_URL to the target.`,
    )
  return refreshApi.ok(
    `can be reached (${status} to a GET without a token). Only a real refresh shows whether it works.`,
  )
}

function checkPlainHttp(url: string): readonly Finding[] {
  if (!isPlainHttpElsewhere(url)) return []
  return [
    refreshApi.warning(
      'uses plain http: anyone on the network path can read every refresh token. Use https in MEMBERSTACK_REFRESH_URL. Production does not start like this.',
    ),
  ]
}
