import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { failure } from '../src/base/failures.js'
import { openStore } from '../src/stores/index.js'
import { createFakeTime } from './kit/fake-time.js'
import { createMemberstackApp, type AppRequest, type MemberstackAppOptions } from './kit/memberstack-app.js'
import { createProver, type ProofOptions, type Prover } from './kit/proofs.js'

const base = 'http://app.example/v1/auth'
const proofRefused = { status: 401, code: 'AUTH_PROOF_INVALID' }

/** An app whose session of Ada is bound to her key. */
async function setUp(options: MemberstackAppOptions = {}) {
  const world = createFakeTime(Date.now() / 1000)
  const app = await createMemberstackApp({ clock: world.clock, refreshGraceSeconds: 0, ...options })
  const ada = createProver()
  const at = () => world.now
  const proofOf = (prover: Prover, route: string, change: Partial<ProofOptions> = {}) => {
    const [htm = '', path = ''] = route.split(' ')
    return prover.prove({ htm, htu: base + path, at: at(), ...change })
  }
  const withProof = (route: string, request: AppRequest = {}, prover = ada, change = {}) =>
    app.call(route, { ...request, headers: { dpop: proofOf(prover, route, change), ...request.headers } })
  const refresh = (refreshToken: string, dpop?: string) =>
    app.call('POST /refresh-token', { body: { refreshToken }, headers: dpop === undefined ? {} : { dpop } })
  const proveRefresh = (change: Partial<ProofOptions> = {}, prover = ada) =>
    proofOf(prover, 'POST /refresh-token', change)
  const signInBound = () => app.signIn('mem_ada', { headers: { dpop: proofOf(ada, 'POST /session') } })
  const refusals = () => app.recorder.events.filter(({ event }) => event === 'proof_refused')
  return { world, app, ada, proofOf, withProof, refresh, proveRefresh, signInBound, refusals }
}

describe('a session that a sign-in with a proof began', () => {
  it('is refreshed with proofs by the same key, each of them once', async () => {
    const { refresh, proveRefresh, signInBound } = await setUp()
    let { refreshToken, status, body } = await signInBound()
    expect(status).toBe(201)
    expect(Object.keys(body).sort()).toEqual(['accessToken', 'refreshToken'])
    for (let turn = 0; turn < 3; turn++) {
      const answer = await refresh(refreshToken, proveRefresh())
      expect(answer).toMatchObject({ status: 200 })
      expect(answer.refreshToken).not.toBe(refreshToken)
      ;({ refreshToken } = answer)
    }
  })

  it('is not refreshed without one: nothing is rotated, and the session lives on', async () => {
    const { app, refresh, proveRefresh, signInBound, refusals } = await setUp()
    const { refreshToken } = await signInBound()
    const mallory = createProver()
    const proof = proveRefresh()
    const kept = await refresh(refreshToken, proof)
    const newest = kept.refreshToken
    for (const dpop of [
      undefined,
      '',
      proof,
      proveRefresh({}, mallory),
      proveRefresh({ htm: 'DELETE' }),
      proveRefresh({ htu: 'http://evil.example/v1/auth/refresh-token' }),
      proveRefresh({ claims: { iat: 1 } }),
    ]) {
      const answer = await refresh(newest, dpop)
      expect(answer).toMatchObject(proofRefused)
      expect(answer.headers.get('www-authenticate')).toBe('DPoP error="invalid_dpop_proof"')
      expect(answer.body['retryable']).toBeUndefined()
    }
    expect(refusals().map(({ reason }) => reason)).toEqual([
      'missing',
      'malformed',
      'repeated',
      'other_key',
      'htm',
      'htu',
      'iat',
    ])
    expect(refusals().every(({ memberId, sessionId }) => memberId === 'mem_ada' && sessionId)).toBe(true)
    expect(app.recorder.events.some(({ event }) => event === 'session_revoked')).toBe(false)
    expect(await refresh(newest, proveRefresh())).toMatchObject({ status: 200 })
  })

  it('is not ended by a rotated-out token without the key, and ended by one with it', async () => {
    const { app, world, refresh, proveRefresh, signInBound } = await setUp()
    const first = await signInBound()
    const second = await refresh(first.refreshToken, proveRefresh())
    world.setClock(world.now + 1)
    const third = await refresh(second.refreshToken, proveRefresh())
    world.setClock(world.now + 1)
    const fourth = await refresh(third.refreshToken, proveRefresh())
    expect(await refresh(first.refreshToken)).toMatchObject(proofRefused)
    expect(await refresh(first.refreshToken, proveRefresh({}, createProver()))).toMatchObject(proofRefused)
    expect(app.recorder.events.some(({ event }) => event === 'session_reuse_detected')).toBe(false)
    const fifth = await refresh(fourth.refreshToken, proveRefresh())
    expect(fifth.status).toBe(200)
    expect(await refresh(first.refreshToken, proveRefresh())).toMatchObject({
      status: 401,
      code: 'AUTH_TOKEN_REFRESH_FAILED',
    })
    expect(app.recorder.events.some(({ event }) => event === 'session_reuse_detected')).toBe(true)
  })

  it('gives a caller without the key no part in a refresh that is under way', async () => {
    const { app, refresh, proveRefresh, signInBound } = await setUp()
    const { refreshToken } = await signInBound()
    const answers = await Promise.all([
      refresh(refreshToken, proveRefresh()),
      refresh(refreshToken),
      refresh(refreshToken, proveRefresh({}, createProver())),
      refresh(refreshToken, proveRefresh()),
      refresh(refreshToken, 'rubbish'),
    ])
    expect(answers.map(({ status }) => status)).toEqual([200, 401, 401, 200, 401])
    expect(answers[0]?.refreshToken).toBe(answers[3]?.refreshToken)
    expect(answers[0]?.accessToken).toBe(answers[3]?.accessToken)
    expect(app.recorder.events.filter(({ how }) => how === 'rotated')).toHaveLength(1)
  })

  it('does not let a repeated proof join a refresh by its own key', async () => {
    const { refresh, proveRefresh, signInBound } = await setUp()
    const { refreshToken } = await signInBound()
    const proof = proveRefresh()
    const answers = await Promise.all([refresh(refreshToken, proof), refresh(refreshToken, proof)])
    expect(answers.map(({ status }) => status)).toEqual([200, 401])
  })

  it('is signed out by its refresh token with a proof, and by nobody without one', async () => {
    const { app, withProof, refresh, proveRefresh, signInBound } = await setUp()
    const { refreshToken, accessToken } = await signInBound()
    const body = { refreshToken }
    expect(await app.call('DELETE /session', { body })).toMatchObject(proofRefused)
    expect(await withProof('DELETE /session', { body }, createProver())).toMatchObject(proofRefused)
    expect(await app.call('DELETE /session', { body, token: accessToken })).toMatchObject(proofRefused)
    const next = await refresh(refreshToken, proveRefresh())
    expect(next.status).toBe(200)
    // Of any generation, as without a key.
    expect(await withProof('DELETE /session', { body })).toMatchObject({ status: 204 })
    expect(await refresh(next.refreshToken, proveRefresh())).toMatchObject({ status: 401 })
  })

  it('is signed out by its access token, which is a bearer token', async () => {
    const { app, refresh, proveRefresh, signInBound } = await setUp()
    const { refreshToken, accessToken } = await signInBound()
    expect(await app.call('GET /me', { token: accessToken })).toMatchObject({ status: 200 })
    expect(await app.call('DELETE /session', { token: accessToken })).toMatchObject({ status: 204 })
    expect(await refresh(refreshToken, proveRefresh())).toMatchObject({ code: 'AUTH_TOKEN_REFRESH_FAILED' })
  })

  it('is listed for operators with its key', async () => {
    const { app, ada, signInBound } = await setUp()
    await signInBound()
    await app.signIn()
    const { sessions } = await app.perennial.sessions.list('mem_ada')
    expect(new Set(sessions.map(({ jkt }) => jkt))).toEqual(new Set([ada.jkt, undefined]))
  })

  it('counts its refusals against the address that caused them', async () => {
    const { app, signInBound } = await setUp({ rateLimits: { ipPerMinute: 3 } })
    const { refreshToken } = await signInBound()
    const from = '192.0.2.66'
    const statuses: number[] = []
    for (let turn = 0; turn < 4; turn++)
      statuses.push((await app.call('POST /refresh-token', { body: { refreshToken }, from })).status)
    expect(statuses).toEqual([401, 401, 401, 429])
  })
})

describe('the list of used proofs', () => {
  /** An app on a SQLite file, and the number of proofs that are noted in it. */
  const setUpWithList = async (options: MemberstackAppOptions = {}) => {
    const folder = await mkdtemp(join(tmpdir(), 'perennial-proofs-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const path = `${folder}/perennial.db`
    const all = await setUp({ store: `sqlite:${path}`, ...options })
    const noted = () => {
      const database = new DatabaseSync(path, { readOnly: true })
      const { count } = database.prepare('SELECT count(*) AS count FROM used_proofs').get() ?? {}
      database.close()
      return count
    }
    return { ...all, noted }
  }

  it('gets one entry for each request by the key of a bound session', async () => {
    const { noted, proofOf, refresh, proveRefresh, signInBound, app, ada } = await setUpWithList()
    const { refreshToken } = await signInBound()
    expect(noted()).toBe(1)
    const next = await refresh(refreshToken, proveRefresh())
    expect(next.status).toBe(200)
    expect(noted()).toBe(2)
    const dpop = proofOf(ada, 'DELETE /session')
    const body = { refreshToken: next.refreshToken }
    expect(await app.call('DELETE /session', { body, headers: { dpop } })).toMatchObject({ status: 204 })
    expect(noted()).toBe(3)
  })

  it('may be slow: a caller that was held up gets the answer of one that was faster', async () => {
    const opened = await openStore('memory:', { clock: () => Date.now() / 1000 })
    let hold: Promise<unknown> = Promise.resolve()
    const gate = { release: () => {}, isAsked: () => {} }
    const held = new Promise<void>((resolve) => (gate.release = resolve))
    const asked = new Promise<void>((resolve) => (gate.isAsked = resolve))
    const use = async () => {
      if (hold === held) gate.isAsked()
      await hold
      return true
    }
    const { app, refresh, proveRefresh, signInBound } = await setUp({
      store: { ...opened, usedProofs: { use } },
    })
    const { refreshToken } = await signInBound()
    hold = held
    const slow = refresh(refreshToken, proveRefresh())
    await asked
    hold = Promise.resolve()
    const fast = await refresh(refreshToken, proveRefresh())
    app.calls()
    gate.release()
    const { status, accessToken, refreshToken: successor } = await slow
    expect([status, successor]).toEqual([200, fast.refreshToken])
    expect(accessToken).toBe(fast.accessToken)
    expect(app.calls()).toEqual({})
  })

  it('gets none from a caller who has no session, none that is bound, or not its key', async () => {
    const { noted, app, ada, proofOf, refresh, proveRefresh, withProof, signInBound } = await setUpWithList()
    const { refreshToken } = await signInBound()
    const unbound = await app.signIn()
    const stranger = await setUp({ secret: Buffer.alloc(32, 8).toString('base64') })
    const foreign = (await stranger.signInBound()).refreshToken
    const mallory = createProver()
    const changed = refreshToken.replace(/.$/, (last) => (last === 'A' ? 'E' : 'A'))
    for (const token of ['rubbish', changed, foreign, `${refreshToken}AAAA`, refreshToken]) {
      expect(await refresh(token, proveRefresh({}, mallory)), token).toMatchObject({ status: 401 })
      await withProof('DELETE /session', { body: { refreshToken: token } }, mallory)
    }
    const renewed = await refresh(unbound.refreshToken, proveRefresh())
    expect(renewed).toMatchObject({ status: 200 })
    await withProof('DELETE /session', { body: { refreshToken: renewed.refreshToken } })
    const headers = () => ({ dpop: proofOf(mallory, 'POST /session') })
    const { accessToken: ended } = await app.emulator.issueTokens({ expiresInSeconds: -1 })
    for (const token of ['rubbish', unbound.accessToken, ended])
      expect(await app.call('POST /session', { token, headers: headers() })).toMatchObject({ status: 401 })
    expect(noted()).toBe(1)
    expect(await refresh(refreshToken, proofOf(ada, 'POST /refresh-token'))).toMatchObject({ status: 200 })
    expect(noted()).toBe(2)
  })

  it('gets none from a copied access token without its key', async () => {
    const { noted, app, proofOf, signInBound, ada } = await setUpWithList({ dpop: { mode: 'all' } })
    const { accessToken } = await signInBound()
    const ask = (prover: Prover) => {
      const dpop = proofOf(prover, 'GET /me', { accessToken })
      return app.call('GET /me', { headers: { authorization: `DPoP ${accessToken}`, dpop } })
    }
    for (let turn = 0; turn < 3; turn++) expect(await ask(createProver())).toMatchObject(proofRefused)
    expect(noted()).toBe(1)
    expect(await ask(ada)).toMatchObject({ status: 200 })
    expect(noted()).toBe(2)
  })

  it('that cannot be written is trouble: nothing is rotated, and the answer says to try again', async () => {
    const opened = await openStore('memory:', { clock: () => Date.now() / 1000 })
    const list = { isAway: false }
    const use = () => (list.isAway ? Promise.reject(failure('storeUnreachable')) : Promise.resolve(true))
    const store = { ...opened, usedProofs: { use } }
    const { app, refresh, proveRefresh, signInBound } = await setUp({ store })
    const { refreshToken } = await signInBound()
    list.isAway = true
    const trouble = { status: 503, code: 'AUTH_TOKEN_REFRESH_FAILED', body: { retryable: true } }
    expect(await refresh(refreshToken, proveRefresh())).toMatchObject(trouble)
    expect(await refresh(refreshToken, proveRefresh({}, createProver()))).toMatchObject(proofRefused)
    expect(app.recorder.events.filter(({ event }) => event === 'upstream_failure')).toMatchObject([
      { target: 'store', code: 'AUTH_TOKEN_REFRESH_FAILED' },
    ])
    expect(await signInBound()).toMatchObject({ status: 503, code: 'AUTH_UNAVAILABLE' })
    expect((await app.perennial.sessions.list('mem_ada')).sessions).toHaveLength(1)
    list.isAway = false
    expect(await refresh(refreshToken, proveRefresh())).toMatchObject({ status: 200 })
  })
})

describe('a sign-in', () => {
  it('with a proof that was used begins no session, whoever sends it', async () => {
    const { app, ada, proofOf } = await setUp()
    const headers = { dpop: proofOf(ada, 'POST /session') }
    const answers = await Promise.all([1, 2, 3].map(() => app.signIn('mem_ada', { headers })))
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([201, 401, 401])
    expect(await app.signIn('mem_bob', { headers })).toMatchObject(proofRefused)
    expect((await app.perennial.sessions.list('mem_ada')).sessions).toHaveLength(1)
    expect((await app.perennial.sessions.list('mem_bob')).sessions).toEqual([])
  })

  it('with a wrong proof is refused, and asks Memberstack nothing', async () => {
    const { app, ada, proofOf } = await setUp()
    app.calls()
    for (const dpop of ['rubbish', proofOf(ada, 'GET /session'), proofOf(ada, 'POST /refresh-token')])
      expect(await app.signIn('mem_ada', { headers: { dpop } })).toMatchObject(proofRefused)
    expect(Object.keys(app.calls()).filter((route) => route.includes('/members'))).toEqual([])
  })

  it('without a proof begins a session without a key, whose refreshes look at no proof', async () => {
    const { app, refresh, proveRefresh } = await setUp()
    const { refreshToken } = await app.signIn()
    const second = await refresh(refreshToken, proveRefresh())
    expect(second.status).toBe(200)
    // It binds nothing.
    const third = await refresh(second.refreshToken)
    expect(third.status).toBe(200)
    expect(await refresh(third.refreshToken, 'rubbish')).toMatchObject({ status: 200 })
  })

  it('without a proof is refused where one is required, and sessions without a key go on', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'perennial-bound-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const store = `sqlite:${folder}/perennial.db`
    const before = await setUp({ store })
    const { refreshToken } = await before.app.signIn()
    const { app, signInBound, refresh, refusals } = await setUp({ store, dpop: { required: true } })
    expect(await app.signIn()).toMatchObject(proofRefused)
    expect(refusals().map(({ reason }) => reason)).toEqual(['missing'])
    expect(await signInBound()).toMatchObject({ status: 201 })
    expect(await refresh(refreshToken)).toMatchObject({ status: 200 })
  })

  it('by cookie binds nothing, because a browser sends a cookie without a proof', async () => {
    const { app, ada, proofOf } = await setUp({ refreshTokenTransport: 'cookie' })
    const headers = {
      dpop: proofOf(ada, 'POST /session'),
      origin: 'http://127.0.0.1',
      host: '127.0.0.1',
      'x-csrf': '1',
    }
    const answer = await app.signIn('mem_ada', { headers })
    expect(answer.status).toBe(201)
    const { sessions } = await app.perennial.sessions.list('mem_ada')
    expect(sessions.map(({ jkt }) => jkt)).toEqual([undefined])
  })
})

describe('an access token of a bound session, if all of its tokens are bound', () => {
  const all = { dpop: { mode: 'all' } } as const

  it('is accepted with a proof that names it, once a proof', async () => {
    const { app, ada, proofOf, signInBound } = await setUp(all)
    const { accessToken, body } = await signInBound()
    expect(body['token_type']).toBe('DPoP')
    const ask = (dpop?: string, scheme = 'DPoP') =>
      app.call('GET /me', { headers: { authorization: `${scheme} ${accessToken}`, ...(dpop && { dpop }) } })
    const proof = (change: Partial<ProofOptions> = {}, prover = ada) =>
      proofOf(prover, 'GET /me', { accessToken, ...change })
    const used = proof()
    expect(await ask(used)).toMatchObject({ status: 200 })
    expect(await ask(proof(), 'dpop')).toMatchObject({ status: 200 })
    for (const dpop of [
      undefined,
      used,
      proof({ accessToken: 'another' }),
      proof({ claims: { ath: undefined } }),
      proof({ htm: 'POST' }),
      proof({}, createProver()),
    ]) {
      const answer = await ask(dpop)
      expect(answer).toMatchObject(proofRefused)
      expect(answer.headers.get('www-authenticate')).toBe('DPoP algs="ES256", error="invalid_dpop_proof"')
    }
  })

  it('is refused as a bearer token, with a proof and without one', async () => {
    const { app, ada, proofOf, signInBound } = await setUp(all)
    const { accessToken } = await signInBound()
    const dpop = () => proofOf(ada, 'GET /me', { accessToken })
    for (const headers of [
      { authorization: `Bearer ${accessToken}` },
      { authorization: `Bearer ${accessToken}`, dpop: dpop() },
      { 'x-memberstack-token': accessToken, dpop: dpop() },
    ]) {
      const answer = await app.call('GET /me', { headers })
      expect(answer).toMatchObject(proofRefused)
      expect(answer.headers.get('www-authenticate')).toContain('DPoP algs="ES256"')
    }
  })

  it('is bound again at each refresh, and beside it sessions without a key have bearer tokens', async () => {
    const { app, ada, proofOf, refresh, proveRefresh, signInBound } = await setUp(all)
    const { refreshToken } = await signInBound()
    const { accessToken, body } = await refresh(refreshToken, proveRefresh())
    expect(body['token_type']).toBe('DPoP')
    const dpop = proofOf(ada, 'GET /me', { accessToken })
    const headers = { authorization: `DPoP ${accessToken}`, dpop }
    expect(await app.call('GET /me', { headers })).toMatchObject({ status: 200 })

    const unbound = await app.signIn()
    expect(unbound.body['token_type']).toBeUndefined()
    expect(await app.call('GET /me', { token: unbound.accessToken })).toMatchObject({ status: 200 })
    const asDpop = await app.call('GET /me', {
      headers: {
        authorization: `DPoP ${unbound.accessToken}`,
        dpop: proofOf(ada, 'GET /me', { accessToken: unbound.accessToken }),
      },
    })
    expect(asDpop).toMatchObject({ status: 401, code: 'AUTH_TOKEN_INVALID' })
    expect(asDpop.headers.get('www-authenticate')).toBe('DPoP algs="ES256", error="invalid_token"')
  })

  it('confirms its generation with the proof alone, so that a copy of it ends nothing', async () => {
    const { app, ada, proofOf, refresh, proveRefresh, signInBound } = await setUp(all)
    const rotated = async () => {
      const first = await signInBound()
      return { first, second: await refresh(first.refreshToken, proveRefresh()) }
    }
    const [copied, honest] = [await rotated(), await rotated()]
    await app.call('GET /me', { token: copied.second.accessToken })
    await app.call('GET /me', { headers: { authorization: `DPoP ${copied.second.accessToken}` } })
    const { accessToken } = honest.second
    const dpop = proofOf(ada, 'GET /me', { accessToken })
    await app.call('GET /me', { headers: { authorization: `DPoP ${accessToken}`, dpop } })
    // Generations are confirmed in the order of their first use, so the copy would have been before.
    let status = 200
    for (let turn = 0; turn < 1000 && status === 200; turn++)
      ({ status } = await refresh(honest.first.refreshToken, proveRefresh()))
    expect(status).toBe(401)
    expect(await refresh(copied.first.refreshToken, proveRefresh())).toMatchObject({ status: 200 })
  })

  it('signs out, also with the refresh token beside it and one proof for both', async () => {
    const { app, ada, proofOf, signInBound } = await setUp(all)
    const { accessToken, refreshToken } = await signInBound()
    const dpop = proofOf(ada, 'DELETE /session', { accessToken })
    const headers = { authorization: `DPoP ${accessToken}`, dpop }
    expect(await app.call('DELETE /session', { headers, body: { refreshToken } })).toMatchObject({
      status: 204,
    })
    const { sessions } = await app.perennial.sessions.list('mem_ada')
    expect(sessions).toEqual([])
  })

  it('that has ended is refused with the challenge of its scheme', async () => {
    const { app, ada, world, proofOf, signInBound } = await setUp(all)
    const { accessToken } = await signInBound()
    world.setClock(world.now + 3600)
    const headers = { authorization: `DPoP ${accessToken}`, dpop: proofOf(ada, 'GET /me', { accessToken }) }
    const answer = await app.call('GET /me', { headers })
    expect(answer).toMatchObject({ status: 401, code: 'AUTH_TOKEN_EXPIRED' })
    expect(answer.headers.get('www-authenticate')).toBe('DPoP algs="ES256", error="invalid_token"')
  })
})
