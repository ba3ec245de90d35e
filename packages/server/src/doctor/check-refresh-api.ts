import { isPlainHttpElsewhere } from '../config/index.js'
import { findingsAbout, type Finding } from './finding.js'
import { askUpstream, type UpstreamAnswer } from './upstream.js'

const refreshApi = findingsAbout('refresh API')

/** The refresh API of forward mode. It is asked by GET and without a token, so that it does nothing. */
export async function checkRefreshApi(
  url: string,
): Promise<{ readonly findings: readonly Finding[]; readonly answer: UpstreamAnswer }> {
  const answer = await askUpstream(url)
  return { findings: [judge(answer), ...checkPlainHttp(url)], answer }
}

function judge(answer: UpstreamAnswer): Finding {
  if (answer.kind === 'silent')
    return refreshApi.error(
      `cannot be reached (${answer.reason}). Check MEMBERSTACK_REFRESH_URL, the firewall and the proxy on the way out.`,
    )
  const { status } = answer
  if (status >= 500)
    return refreshApi.error(
      `is in trouble (${status}). Look at its log, or whether MEMBERSTACK_REFRESH_URL is right.`,
    )
  if (status >= 300 && status < 400)
    return refreshApi.error(
      `redirects (${status}), which is not followed: a refresh token goes to nobody else. Set MEMBERSTACK_REFRESH_URL to where it leads.`,
    )
  return refreshApi.ok(
    `can be reached (${status} to a GET without a token). Whether it refreshes, only a refresh shows.`,
  )
}

function checkPlainHttp(url: string): readonly Finding[] {
  if (!isPlainHttpElsewhere(url)) return []
  return [
    refreshApi.warning(
      'is asked over plain http: whoever sits on the way reads every refresh token. Use https in MEMBERSTACK_REFRESH_URL. Production does not start like this.',
    ),
  ]
}
