import type { Config } from '../config/index.js'
import { findingsAbout, type Finding } from './finding.js'
import { askUpstream, type UpstreamAnswer } from './upstream.js'

type Memberstack = Extract<Config['memberstack'], { kind: 'memberstack' }>

/** Nobody has it: all that matters is whether the API lets us ask. */
const nobody = 'mem_perennial_doctor'

const admin = findingsAbout('admin API')

/** What was found out about the admin API, and what it answered where it was asked. */
export interface AdminCheck {
  readonly findings: readonly Finding[]
  readonly answer?: UpstreamAnswer
}

/** The admin API: reachable, its key, its quota. */
export async function checkAdminApi(memberstack: Memberstack, isProduction: boolean): Promise<AdminCheck> {
  const { secretKey, adminUrl = 'https://admin.memberstack.com' } = memberstack
  if (secretKey === undefined)
    return {
      findings: [
        admin.warning(
          'MEMBERSTACK_SECRET_KEY is not set: e-mail and roles come from tokens alone. Set it where tokens do not carry them.',
        ),
      ],
    }
  const base = adminUrl.endsWith('/') ? adminUrl : `${adminUrl}/`
  const answer = await askUpstream(`${base}members/${nobody}`, { 'x-api-key': secretKey })
  return { findings: [judge(answer), ...checkStage(secretKey, isProduction)], answer }
}

/** A key of one stage in the other is hardly meant. */
function checkStage(secretKey: string, isProduction: boolean): readonly Finding[] {
  const isSandbox = secretKey.startsWith('sk_sb_')
  if (isProduction === !isSandbox) return []
  return [
    isProduction
      ? admin.warning(
          'MEMBERSTACK_SECRET_KEY is a sandbox key: live members are unknown to it; use the live key.',
        )
      : admin.warning(
          'MEMBERSTACK_SECRET_KEY is a live key, but NODE_ENV is not production: details of errors, /docs and /metrics are shown to everybody. Set NODE_ENV=production.',
        ),
  ]
}

function judge(answer: UpstreamAnswer): Finding {
  if (answer.kind === 'silent')
    return admin.error(
      `cannot be reached (${answer.reason}). Check MEMBERSTACK_ADMIN_URL, the firewall and the proxy on the way out.`,
    )
  const { status } = answer
  if (status === 401 || status === 403 || isKeyMalformed(answer))
    return admin.error(
      `refuses MEMBERSTACK_SECRET_KEY (${status}). Copy the secret key of this app again from Memberstack's dashboard.`,
    )
  if (status === 429)
    return admin.warning(
      'its quota is used up right now (429): 25 requests a second, shared by all that leave from this address. See who else asks, or take another address and tell it by MEMBERSTACK_EGRESS.',
    )
  if (status >= 500) return admin.error(`is in trouble (${status}). Look at Memberstack's status page.`)
  if (status !== 200)
    return admin.error(
      `answers ${status}, which it never does. Check that MEMBERSTACK_ADMIN_URL is the admin API.`,
    )
  if (parse(answer.text)?.['data'] === undefined)
    return admin.error(
      'answers, but not as the admin API does. Check that MEMBERSTACK_ADMIN_URL is the admin API, and that no proxy answers in its place.',
    )
  return admin.ok(`takes the secret key. ${quotaOf(answer.headers)}`)
}

/** An unknown key is answered 401, one that is none 400. */
function isKeyMalformed({ status, text }: Extract<UpstreamAnswer, { kind: 'answered' }>): boolean {
  return status === 400 && text.includes('validation/invalid-secret-key')
}

/** A number and nothing else: what an upstream says goes to a terminal. */
function quotaOf(headers: Headers): string {
  const left = headers.get('x-ratelimit-remaining') ?? headers.get('ratelimit-remaining') ?? ''
  const known = 'Its quota is 25 requests a second for each address'
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
