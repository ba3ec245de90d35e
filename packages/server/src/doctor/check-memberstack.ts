import type { Config } from '../config/index.js'
import { findingsAbout, type Finding } from './finding.js'
import { askUpstream, type UpstreamAnswer } from './upstream.js'

type Memberstack = Extract<Config['memberstack'], { kind: 'memberstack' }>

/** Tokens dated further in the future than this are refused, in seconds. */
const clockToleranceSeconds = 5

/** Nobody has it: all that matters is whether the API lets us ask. */
const nobody = 'mem_perennial_doctor'

/** The admin API: reachable, its key, its quota; and our clock against its `Date`. */
export async function checkAdminApi(memberstack: Memberstack, isProduction: boolean): Promise<Finding[]> {
  const { secretKey, adminUrl = 'https://admin.memberstack.com' } = memberstack
  const admin = findingsAbout('admin API')
  if (secretKey === undefined) {
    return [admin.warning('MEMBERSTACK_SECRET_KEY is not set: e-mail and roles come from tokens alone.')]
  }
  const base = adminUrl.endsWith('/') ? adminUrl : `${adminUrl}/`
  const answer = await askUpstream(`${base}members/${nobody}`, { 'x-api-key': secretKey })
  const findings = [readAnswer(answer), checkClock(answer)]
  if (isProduction && secretKey.startsWith('sk_sb_'))
    findings.push(
      admin.warning(
        'MEMBERSTACK_SECRET_KEY is a sandbox key: live members are unknown to it; use the live key.',
      ),
    )
  return findings
}

function readAnswer(answer: UpstreamAnswer): Finding {
  const admin = findingsAbout('admin API')
  if (answer.kind === 'silent') {
    return admin.error(
      `cannot be reached (${answer.reason}). Check MEMBERSTACK_ADMIN_URL, the firewall and the proxy on the way out.`,
    )
  }
  const { status } = answer
  if (status === 401 || status === 403)
    return admin.error(
      `refuses MEMBERSTACK_SECRET_KEY (${status}). Copy the secret key of this app again from Memberstack's dashboard.`,
    )
  if (status === 429)
    return admin.warning(
      'its quota is used up right now (429): 25 requests a second, shared by all that leave from this address. See who else asks, or take another address.',
    )
  if (status >= 500) return admin.error(`is in trouble (${status}). Look at Memberstack's status page.`)
  if (status !== 200 && status !== 404)
    return admin.error(
      `answers ${status}, which it never does. Check that MEMBERSTACK_ADMIN_URL is the admin API.`,
    )
  return admin.ok(`takes the secret key. ${quotaOf(answer.headers)}`)
}

function quotaOf(headers: Headers): string {
  const left = headers.get('x-ratelimit-remaining') ?? headers.get('ratelimit-remaining')
  const known = 'Its quota is 25 requests a second for each address'
  return left === null ? `${known}.` : `${known}; ${left} are left in this window.`
}

function checkClock(answer: UpstreamAnswer): Finding {
  const clock = findingsAbout('clock')
  const ahead = answer.kind === 'answered' ? answer.clockAheadSeconds : null
  if (ahead === null) return clock.warning('could not be compared: the admin API told no time.')
  const off = `${Math.abs(Math.round(ahead))} s ${ahead > 0 ? 'behind' : 'ahead of'} the admin API's`
  if (Math.abs(ahead) > clockToleranceSeconds)
    return clock.error(`is ${off}: good tokens are refused, or dead ones taken. Turn on NTP on this machine.`)
  if (Math.abs(ahead) > 1) return clock.warning(`is ${off}. Turn on NTP before it gets worse.`)
  return clock.ok("agrees with the admin API's to the second.")
}
