import type { HttpClient } from '@perennial/auth'
import { isPlainHttpElsewhere } from '../config/index.js'
import { findingsAbout, type Finding } from './finding.js'
import { askUpstream, type UpstreamAnswer } from './upstream.js'

const refreshApi = findingsAbout('refresh API')

/** Checks the refresh API of forward mode, by a GET without a token, which changes nothing there. */
export async function checkRefreshApi(
  url: string,
  httpClient: HttpClient,
): Promise<{ readonly findings: readonly Finding[]; readonly answer: UpstreamAnswer }> {
  const answer = await askUpstream(httpClient, url)
  return { findings: [judge(answer), ...checkPlainHttp(url)], answer }
}

function judge(answer: UpstreamAnswer): Finding {
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
