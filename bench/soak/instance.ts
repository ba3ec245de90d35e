/**
 * The main module of an instance: the HTTP server of the service, with one protected route of an app beside its own routes, as an app
 * that embeds the library has one. Its settings are the variables of the service, and an argument: `verifiedTokensKept`. It logs to standard output, and ends when its standard
 * input does.
 */
import process from 'node:process'
import { createPerennial } from '@perennial/auth'
import { authenticate } from '@perennial/auth/fastify'
import { createPinoSink } from '@perennial/auth/telemetry'
import { createApp, readConfig } from '@perennial/server'
import { pino } from 'pino'

const config = readConfig(process.env, { readTextFile: () => '' })
const { kind, ...memberstack } = config.memberstack
if (kind !== 'memberstack' || !('appId' in memberstack)) throw new TypeError('MEMBERSTACK_APP_ID is not set')
const logger = pino({ level: config.logLevel })
const perennial = await createPerennial({
  ...config.perennial,
  store: config.store.url,
  verifiedTokensKept: Number(process.argv[2]),
  memberstack,
  telemetry: createPinoSink(logger),
})
const app = createApp({ config, perennial, logger, readMetrics: null })
app.get('/me', { onRequest: authenticate(perennial) }, (request, reply) => {
  void reply.send({ id: request.memberstackUser?.userId })
})
process.once('SIGTERM', () => void stop())
process.stdin.resume().once('end', () => process.exit(1))
process.stdout.write(
  `${JSON.stringify({ url: await app.listen({ port: config.port, host: config.host }) })}\n`,
)

async function stop(): Promise<void> {
  await app.close()
  await perennial.close()
  process.exit(0)
}
