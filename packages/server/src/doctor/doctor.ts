import process from 'node:process'
import { clockToleranceSeconds, createHttpClient, type HttpClient } from '@perennial/auth'
import { describeOldNode } from '../base/process.js'
import { type Config, ConfigError, type Environment, readConfig } from '../config/index.js'
import { checkBrowsers } from './check-browsers.js'
import { checkKeySet } from './check-key-set.js'
import { checkAdminApi, checkRefreshApi } from './check-memberstack.js'
import { checkStore } from './check-store.js'
import { type Finding, findingsAbout } from './finding.js'
import type { UpstreamAnswer } from './upstream.js'

/**
 * Checks a deployment from its configuration. Problems are findings, never rejections. Ends within seconds, and changes
 * nothing except for a key in Redis that expires in a minute.
 */
export async function examine(
  env: Environment,
  world: { readonly readTextFile: (path: string) => string },
): Promise<readonly Finding[]> {
  const configuration = findingsAbout('configuration')
  let config: Config
  try {
    config = readConfig(env, world)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return [
      ...error.problems.map((problem) => configuration.error(problem)),
      ...error.misspelt.map((line) => configuration.warning(line)),
      checkNode(process.versions.node),
    ]
  }
  const httpClient = createHttpClient({ proxy: config.proxy })
  const [memberstack, store] = await Promise.all([examineMemberstack(config, httpClient), checkStore(config)])
  await httpClient.close()
  return [
    configuration.ok('every variable is valid.'),
    ...config.warnings.map((warning) => configuration.warning(warning)),
    ...config.plainConnections.map((line) => configuration.error(line)),
    checkNode(process.versions.node),
    ...memberstack,
    ...store,
    ...checkBrowsers(config),
  ]
}

async function examineMemberstack(
  { memberstack, environment }: Config,
  httpClient: HttpClient,
): Promise<Finding[]> {
  if (memberstack.kind === 'emulator') {
    const emulator = findingsAbout('Memberstack')
    return [
      emulator.ok(
        'not configured, so the emulator is used. For real members set MEMBERSTACK_APP_ID and MEMBERSTACK_SECRET_KEY.',
      ),
    ]
  }
  const { refreshUrl } = memberstack
  const [keySet, admin, refreshApi] = await Promise.all([
    checkKeySet(memberstack, httpClient),
    checkAdminApi(memberstack, { isProduction: environment === 'production', httpClient }),
    refreshUrl === undefined ? undefined : checkRefreshApi(refreshUrl, httpClient),
  ])
  const clock = checkClock([
    { name: 'the admin API', answer: admin.answer },
    { name: 'the refresh API', answer: refreshApi?.answer },
    { name: 'the key set', answer: keySet.answer },
  ])
  return [
    ...keySet.findings,
    ...admin.findings,
    ...(refreshApi?.findings ?? []),
    clock,
    ...checkWebhooks(memberstack),
  ]
}

/** The configuration ensures that the secret is well-formed. */
function checkWebhooks({
  webhookSecret,
  refreshUrl,
}: Extract<Config['memberstack'], { kind: 'memberstack' }>): Finding[] {
  const webhooks = findingsAbout('webhooks')
  if (refreshUrl !== undefined) return []
  if (webhookSecret !== undefined) return [webhooks.ok('the secret is well-formed.')]
  return [
    webhooks.warning(
      'MEMBERSTACK_WEBHOOK_SECRET is not set: a deleted member stays signed in until the next refresh. Point a webhook at /v1/webhooks/memberstack and set its whsec_… here.',
    ),
  ]
}

/** Checks the version of Node. @param version - as in `process.versions.node` */
export function checkNode(version: string): Finding {
  const node = findingsAbout('Node')
  const problem = describeOldNode(version)
  return problem === null ? node.ok(`${version}.`) : node.error(problem)
}

/** An upstream whose `Date` header may give the time. */
export interface TimeSource {
  /** The name as in `agrees with …'s`. */
  readonly name: string
  readonly answer: UpstreamAnswer | undefined
}

/** Compares the clock with the `Date` of the first upstream that sent one (RFC 9110 §6.6.1). */
function checkClock(sources: readonly TimeSource[]): Finding {
  const clock = findingsAbout('clock')
  for (const { name, answer } of sources) {
    const ahead = answer?.kind === 'answered' ? answer.clockAheadSeconds : null
    if (ahead === null) continue
    const off = `${Math.abs(Math.round(ahead))} s ${ahead > 0 ? 'behind' : 'ahead of'} ${name}'s`
    if (Math.abs(ahead) > clockToleranceSeconds)
      return clock.error(
        `is ${off}: valid tokens are refused or expired ones accepted. Turn on NTP on this machine.`,
      )
    if (Math.abs(ahead) > 1) return clock.warning(`is ${off}. Turn on NTP before the difference grows.`)
    return clock.ok(`agrees with ${name}'s to the second.`)
  }
  return clock.warning(
    'could not be compared: no upstream sent a Date header. Check that NTP is on (timedatectl), and run this again when an upstream answers.',
  )
}
