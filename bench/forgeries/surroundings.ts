import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { startEmulator, type Emulator } from '@perennial/emulator'
import { claimsOf } from '../kit/signer.ts'
import { startServiceProcess } from '../kit/service.ts'
import { serveJson, type Received } from '../kit/loopback.ts'

/** The plan that every member needs. */
export const requiredPlan = 'pln_member'
/** A plan that a member may have. */
export const extraPlan = 'pln_extra'

/** The beginning of the id of a member that does not exist. */
export const madeUp = 'mem_made_up_'

/** The service, and the emulator that it calls. */
export interface Surroundings {
  readonly port: number
  readonly emulator: Emulator
  /** Changes something in Memberstack whose webhook is lost. */
  readonly withoutWebhook: (change: () => void) => void
  /** Returns the number of requests to the admin API about members that do not exist. */
  readonly madeUpCalls: () => number
  readonly stop: () => Promise<void>
}

/** Starts the service in session mode with the emulator as its Memberstack. */
export async function startSurroundings(
  folder: string,
  memberIds: readonly string[],
  hasKeySet: boolean,
): Promise<Surroundings> {
  const members = memberIds.map((id) => ({ id, email: `${id}@example.com`, plans: [requiredPlan] }))
  const emulator = await startEmulator({ seed: { members }, webhookRetrySeconds: [1, 1, 1] })
  let madeUpCalls = 0
  const admin = await serveJson(async (received) => {
    if (subjectOf(received).startsWith(madeUp)) madeUpCalls += 1
    return await forward(received, emulator)
  })
  const service = await startServiceProcess({
    STORE_URL: `sqlite:${join(folder, `${memberIds.length}-${randomBytes(4).toString('hex')}.db`)}`,
    PERENNIAL_SECRET: randomBytes(32).toString('base64'),
    MEMBERSTACK_APP_ID: emulator.appId,
    MEMBERSTACK_SECRET_KEY: emulator.secretKey,
    MEMBERSTACK_ADMIN_URL: admin.url,
    MEMBERSTACK_ISSUER: emulator.issuer,
    MEMBERSTACK_WEBHOOK_SECRET: emulator.webhookSecret,
    ...(hasKeySet && { MEMBERSTACK_JWKS_URI: emulator.jwksUri }),
    REQUIRED_PLANS: requiredPlan,
    TRUST_PROXY: '1',
  })
  const { port } = service.ready
  const webhookUrl = `http://127.0.0.1:${port}/v1/webhooks/memberstack`
  emulator.setWebhookUrl(webhookUrl)
  return {
    port,
    emulator,
    withoutWebhook(change) {
      emulator.setWebhookUrl(null)
      change()
      emulator.setWebhookUrl(webhookUrl)
    },
    madeUpCalls: () => madeUpCalls,
    async stop() {
      await service.stop()
      admin.close()
      await emulator.close()
    },
  }
}

/** Returns the member that a request to the admin API asks about. */
function subjectOf({ path, body }: Received): string {
  if (!path.endsWith('/verify-token')) return path.slice(path.lastIndexOf('/') + 1)
  return String(claimsOf(JSON.parse(body).token)['id'])
}

/** Passes a request on to the emulator, which counts it against its quota. */
async function forward({ method, path, body }: Received, { adminUrl, secretKey }: Emulator) {
  const response = await fetch(`${adminUrl}${path}`, {
    method,
    headers: { 'x-api-key': secretKey, ...(body !== '' && { 'content-type': 'application/json' }) },
    ...(body !== '' && { body }),
  })
  return { status: response.status, body: await response.text() }
}
