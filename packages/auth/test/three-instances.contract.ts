import { startEmulator, type Emulator } from '@perennial/emulator'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createSecrets } from '../src/base/secrets.js'
import { parseRefreshToken } from '../src/sessions/index.js'
import {
  claimsOf,
  closeAll,
  eventually,
  instanceUrl,
  sharedSecret,
  startThree,
  toPair,
  type Pair,
  type SharingInstance,
} from './kit/instances.js'
import { createProver } from './kit/proofs.js'

/** A server of the test, and what the rules need to know of it. */
export interface SharedServer {
  readonly url: string
  /** Removes all that instances have stored. */
  empty(): Promise<unknown>
  remove(): Promise<void>
  /** Returns the generation of each session, where the test can read it. */
  generations?(): Promise<readonly number[]>
}

/** Options of {@link describeThreeInstances}. */
export interface SharingOptions<Server extends SharedServer> {
  readonly isInstalled: boolean
  readonly startServer: () => Promise<Server>
  /** The time limit of its start. */
  readonly startMs?: number
  /** The time within which all instances refuse a revoked token. */
  readonly revokedWithinMs: number
  /** Declares the tests that only this store has. */
  readonly more?: (world: SharingWorld<Server>) => void
}

/** The server of the file, and instances that are closed when the current test ends. */
export interface SharingWorld<Server extends SharedServer> {
  readonly server: () => Server
  readonly start: (options?: Parameters<typeof startThree>[2]) => ReturnType<typeof startThree>
}

const secrets = createSecrets([Buffer.from(sharedSecret, 'base64')], {
  appId: 'app_emulator',
  randomBytes: (length) => new Uint8Array(length),
})

/** The rules of three instances on one store, which every store that machines can share keeps. */
export function describeThreeInstances<Server extends SharedServer>(
  name: string,
  { isInstalled, startServer, startMs, revokedWithinMs, more }: SharingOptions<Server>,
): void {
  describe.runIf(isInstalled)(`three instances on one ${name}`, () => {
    let server: Server
    let emulator: Emulator
    let instances: readonly SharingInstance[] = []

    beforeAll(async () => {
      server = await startServer()
      emulator = await startEmulator({ adminRequestsPerSecond: 1_000_000 })
    }, startMs)
    afterAll(async () => {
      await emulator.close()
      await server.remove()
    })
    beforeEach(async () => {
      await server.empty()
      emulator.reset()
    })
    afterEach(async () => {
      await closeAll(instances)
      instances = []
    })

    const start = async (options: Parameters<typeof startThree>[2] = {}) => {
      const started = await startThree(emulator, server.url, options)
      instances = started
      return started
    }
    const refreshTogether = async (refreshToken: string) => {
      const callers = Array.from({ length: 100 }, () => instances.map((one) => one.refresh(refreshToken)))
      const answers = await Promise.all(callers.flat())
      expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]))
      const successors = new Set(answers.map((answer) => String(answer.body['refreshToken'])))
      expect(successors.size).toBe(1)
      return [...successors].join()
    }

    it('make one rotation of 300 refreshes of one token at once, and all callers get one refresh token', async () => {
      const [one] = await start()
      const successor = await refreshTogether((await one.signIn()).refreshToken)
      expect(parseRefreshToken(secrets, successor)).toMatchObject({ generation: 2 })
      if (server.generations) expect(await server.generations()).toEqual([2])
    })

    it('make one upstream call of 300 refreshes of one token at once', async () => {
      await start({ mode: 'forward' })
      await refreshTogether((await emulator.issueTokens()).refreshToken)
      expect(emulator.calls()['POST /auth/refresh-token']).toBe(1)
    })

    it(`all refuse a token within ${revokedWithinMs} ms after its session ended at one of them`, async () => {
      const [one, two, three] = await start()
      const { accessToken } = await one.signIn()
      expect((await two.me(accessToken)).status).toBe(200)
      expect((await three.me(accessToken)).status).toBe(200)

      expect((await one.signOutEverywhere(accessToken)).status).toBe(204)
      const since = performance.now()
      for (const other of [two, three])
        await eventually(async () => (await other.me(accessToken)).status === 401)
      expect(performance.now() - since).toBeLessThan(revokedWithinMs)
      expect((await two.me(accessToken)).body).toMatchObject({ code: 'AUTH_TOKEN_REVOKED' })
    })

    it('count the requests of one address together', async () => {
      const [one, two, three] = await start({ rateLimits: { ipPerMinute: 6 } })
      for (const instance of [one, two, three, one, two, three]) {
        expect((await instance.refresh('garbage')).status).toBe(401)
      }
      for (const instance of [one, two, three]) expect((await instance.refresh('garbage')).status).toBe(429)
    })

    const refusedEverywhere = async (accessToken: string) => {
      const since = performance.now()
      for (const instance of instances)
        await eventually(async () => (await instance.me(accessToken)).body['code'] === 'AUTH_TOKEN_REVOKED')
      expect(performance.now() - since).toBeLessThan(2_000)
    }
    const idsOf = async ({ perennial }: SharingInstance, memberId = 'mem_ada') =>
      (await perennial.sessions.list(memberId)).sessions.map(({ id }) => id)

    it('refuse within 2 s what an operator ends at one of them: a session, a member, everything', async () => {
      const [one, two, three] = await start()
      const first = await one.signIn()
      const second = await two.signIn()
      const [newest = '', oldest = ''] = await idsOf(three)
      const ended = [await three.perennial.sessions.end(newest), await one.perennial.sessions.end(newest)]
      expect(ended).toEqual([true, false])
      const { accessToken } = (await one.me(first.accessToken)).status === 200 ? second : first
      await refusedEverywhere(accessToken)
      expect(await idsOf(one)).toEqual([oldest])
      expect(await two.perennial.sessions.endAllOf('mem_ada')).toBe(1)
      for (const { accessToken: token } of [first, second]) await refusedEverywhere(token)
    })

    it('end everything: tokens, refreshes and earlier member JWTs are refused, and a new sign-in gets in', async () => {
      const [one, two, three] = await start()
      const before = await emulator.issueTokens({ issuedSecondsAgo: 60 })
      const pairs = [await one.signIn(), await two.signIn()]
      expect(await three.perennial.sessions.endEverything()).toBe(2)
      // A sign-in of this very second is no earlier one, at whichever instance it comes.
      const again = await Promise.all(instances.map((instance) => instance.signIn()))
      for (const { accessToken } of again) expect((await one.me(accessToken)).status).toBe(200)
      for (const { accessToken } of pairs) await refusedEverywhere(accessToken)
      for (const instance of instances) {
        for (const { refreshToken } of pairs) expect((await instance.refresh(refreshToken)).status).toBe(401)
        expect(await instance.exchange(before.accessToken)).toMatchObject({
          status: 401,
          body: { code: 'AUTH_TOKEN_REVOKED' },
        })
      }
      expect(await idsOf(two)).toHaveLength(3)
    })

    it('keep a cap of 5 under 200 sign-ins at once: the newest live, and the sessions of others too', async () => {
      await start({ maxSessionsPerMember: 5 })
      const [one] = instances
      if (!one) throw new Error('three were started')
      const bob = await one.signIn('mem_bob')
      const early = await one.signIn()
      // Sessions of an earlier second: no clock decides between them and the rest.
      const issuedAt = Number(claimsOf(early.accessToken)['iat'])
      await eventually(async () => Date.now() / 1000 >= issuedAt + 1)
      const pairs = await Promise.all(
        Array.from({ length: 200 }, (_, index) => (instances[index % 3] ?? one).signIn()),
      )
      expect(pairs.filter(({ accessToken }) => accessToken === '')).toEqual([])
      const live = await idsOf(one)
      expect(live).toHaveLength(5)
      const sidOf = ({ accessToken }: Pair) => String(claimsOf(accessToken)['sid'])
      expect(live.every((id) => pairs.some((pair) => sidOf(pair) === id))).toBe(true)
      expect(await idsOf(one, 'mem_bob')).toEqual([sidOf(bob)])
      await refusedEverywhere(early.accessToken)
    }, 120_000)

    it('take each proof of a bound session once, at whichever of them it comes', async () => {
      const [one, two, three] = await start()
      const prover = createProver()
      const prove = (path: string) => prover.prove({ htu: instanceUrl + path })
      const { accessToken } = await emulator.issueTokens()
      const signInProof = prove('/session')
      const signedIn = await one.exchange(accessToken, signInProof)
      expect(signedIn.status).toBe(201)
      const refused = { status: 401, body: { code: 'AUTH_PROOF_INVALID' } }
      expect(await two.exchange(accessToken, signInProof)).toMatchObject(refused)
      const { refreshToken } = toPair(signedIn.body)
      const proof = prove('/refresh-token')
      const rotated = await two.refresh(refreshToken, proof)
      expect(rotated.status).toBe(200)
      for (const instance of [one, two, three]) {
        for (const token of [refreshToken, toPair(rotated.body).refreshToken]) {
          expect(await instance.refresh(token, proof)).toMatchObject(refused)
          expect(await instance.refresh(token)).toMatchObject(refused)
        }
      }
      const again = prove('/refresh-token')
      const { refreshToken: newest } = toPair(rotated.body)
      const raced = await Promise.all(instances.map((instance) => instance.refresh(newest, again)))
      expect(raced.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 401, 401])
      expect((await three.refresh(newest, prove('/refresh-token'))).status).toBe(200)
    })

    more?.({ server: () => server, start })
  })
}
