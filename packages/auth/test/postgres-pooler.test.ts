import { startEmulator } from '@perennial/emulator'
import { afterAll, describe, expect, it } from 'vitest'
import { openStore } from '../src/stores/index.js'
import { describeStore } from '../src/stores/store.contract.js'
import { closeAll, startThree, toPair } from './kit/instances.js'
import { hasPgBouncer, poolModes, startPgBouncer, type PoolMode } from './kit/pgbouncer.js'
import { hasPostgres, startPostgres } from './kit/postgres.js'

const isThere = hasPostgres() && hasPgBouncer()
/** The modes in which the whole suite of stores runs. */
const suiteModes: readonly PoolMode[] = process.env['PERENNIAL_LONG'] ? poolModes : ['transaction']

describe.runIf(isThere)('through a real PgBouncer', async () => {
  // The body of a skipped suite runs too.
  if (!isThere) {
    it('needs postgresql and pgbouncer', () => {})
    return
  }
  const server = await startPostgres()
  const poolers = new Map(
    await Promise.all(poolModes.map(async (mode) => [mode, await startPgBouncer(server, mode)] as const)),
  )
  const urlOf = (mode: PoolMode) => poolers.get(mode)?.url ?? ''
  afterAll(async () => {
    for (const pooler of poolers.values()) await pooler.remove()
    await server.remove()
  })

  for (const mode of suiteModes)
    describeStore(`postgres in ${mode} mode`, async (world) => {
      await server.drop()
      return openStore(urlOf(mode), world)
    })

  it.each(poolModes)(
    'three instances refresh, count and revoke together in %s mode, with few connections to the server',
    async (mode) => {
      await server.drop()
      const emulator = await startEmulator({ adminRequestsPerSecond: 1_000_000 })
      // In session mode each connection of an instance keeps one of the server.
      const url = mode === 'session' ? `${urlOf(mode)}?max=1` : urlOf(mode)
      const instances = await startThree(emulator, url)
      try {
        const [one, two, three] = instances
        const { accessToken, refreshToken } = await one.signIn()
        const asked = Array.from({ length: 20 }, () => instances.map((each) => each.refresh(refreshToken)))
        const answers = await Promise.all(asked.flat())
        expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
        expect(new Set(answers.map(({ body }) => toPair(body).refreshToken)).size).toBe(1)
        expect(await server.query('SELECT generation::int FROM perennial.sessions')).toEqual([
          { generation: 2 },
        ])
        expect((await three.signOutEverywhere(accessToken)).status).toBe(204)
        await expect.poll(async () => (await two.me(accessToken)).status).toBe(401)
      } finally {
        await closeAll(instances)
        await emulator.close()
      }
    },
  )
})
