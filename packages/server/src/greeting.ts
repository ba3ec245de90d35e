import type { Service } from './start/index.js'

/** Returns the text for a developer at a terminal once the service runs. */
export async function greet(service: Service, showDocs: boolean): Promise<string> {
  const lines = [`Perennial listens on ${service.url} (${service.mode} mode)`]
  // The demo page exists wherever the emulator does.
  if (service.emulator) lines.push(`  the demo page       ${service.url}/`)
  if (showDocs) lines.push(`  the HTTP interface  ${service.url}/docs`)
  if (service.emulator) {
    lines.push(
      `  Memberstack         the emulator, ${service.emulator.url} (ada@example.com and bob@example.com, password perennial-demo)`,
      `  its webhook secret  ${service.emulator.webhookSecret}`,
      '',
      ...(await inviteToRefresh(service.url, service.emulator).catch(noInvitation)),
    )
  }
  return `\n${lines.join('\n')}\n\n`
}

/** Returns a command to paste. It holds a refresh token of the emulated member, who is not a real person. */
async function inviteToRefresh(url: string, emulator: NonNullable<Service['emulator']>): Promise<string[]> {
  const { accessToken } = await emulator.issueTokens()
  const answer = await fetch(`${url}/v1/auth/session`, {
    method: 'POST',
    headers: { authorization: `Bearer ${accessToken}`, 'x-csrf': '1', origin: url },
  })
  const address = `curl -s -X POST ${url}/v1/auth/refresh-token`
  const cookie = answer.headers.get('set-cookie')?.split(';', 1)[0]
  const body: unknown = await answer.json()
  if (answer.ok && cookie)
    return [invitation, `${address} -H 'origin: ${url}' -H 'x-csrf: 1' --cookie '${cookie}'`]
  if (typeof body === 'object' && body !== null && 'refreshToken' in body)
    return [
      invitation,
      `${address} -H 'content-type: application/json' -d '${JSON.stringify({ refreshToken: body.refreshToken })}'`,
    ]
  return [`The emulated member could not sign in (HTTP ${answer.status}): see the log.`]
}

function noInvitation(): string[] {
  return ['The emulated member could not sign in: see the log.']
}

const invitation = 'A refresh token in, a one-hour access token out. Paste this:'
