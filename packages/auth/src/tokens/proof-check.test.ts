import { describe, expect, it } from 'vitest'
import { createProver } from '../../test/kit/proofs.js'
import { failure } from '../base/failures.js'
import { createProofCheck, type ProofLog } from './proof-check.js'

const url = 'https://auth.example.com/v1/auth/me'
const ada = createProver()

function setUp({ log, proofsKept }: { readonly log?: ProofLog; readonly proofsKept?: number } = {}) {
  const time = { now: 1_000_000 }
  const proofs = createProofCheck({ clock: () => time.now, log, proofsKept })
  const prove = (claims?: Record<string, unknown>) =>
    ada.prove({ htm: 'GET', htu: url, at: time.now, accessToken: 'token', ...(claims && { claims }) })
  const request = (proof: string, source: object = {}) => ({ proof, method: 'GET', url: () => url, source })
  return { time, proofs, prove, request }
}

const repeated = { reason: 'repeated' }
const accepted = { jkt: ada.jkt }

describe('the check of proofs', () => {
  it('accepts a proof once', async () => {
    const { proofs, prove, request } = setUp()
    const proof = prove()
    expect(await proofs.check(request(proof))).toEqual(accepted)
    expect(await proofs.check(request(proof))).toEqual(repeated)
    expect(await proofs.checkWithToken(request(proof), 'token')).toEqual(repeated)
    expect(await proofs.check(request(prove()))).toEqual(accepted)
  })

  it('accepts a proof several times for one request, however its checks overlap', async () => {
    const { proofs, prove, request } = setUp()
    const proof = prove()
    const source = {}
    const checks = [
      proofs.check(request(proof, source)),
      proofs.checkWithToken(request(proof, source), 'token'),
    ]
    expect(await Promise.all(checks)).toEqual([accepted, accepted])
    expect(await proofs.check(request(proof))).toEqual(repeated)
  })

  it('accepts no other proof for the sake of an earlier one of the same request', async () => {
    const { proofs, prove, request } = setUp()
    const [one, other] = [prove(), prove()]
    await proofs.check(request(other))
    const source = {}
    expect(await proofs.check(request(one, source))).toEqual(accepted)
    expect(await proofs.check(request(other, source))).toEqual(repeated)
  })

  it('remembers a proof for as long as its iat is accepted', async () => {
    const { time, proofs, prove, request } = setUp()
    const proof = prove({ iat: time.now + 60 })
    expect(await proofs.check(request(proof))).toEqual(accepted)
    for (let passed = 0; passed < 120; passed += 10) {
      time.now += 10
      expect(await proofs.check(request(proof)), String(passed)).toEqual(repeated)
    }
    time.now += 1
    expect(await proofs.check(request(proof))).toEqual({ reason: 'iat' })
  })

  it('is bounded in memory, and remembers the proofs that came last', async () => {
    const { proofs, prove, request } = setUp({ proofsKept: 3 })
    const all = Array.from({ length: 12 }, () => prove())
    for (const proof of all) expect(await proofs.check(request(proof))).toEqual(accepted)
    for (const proof of all.slice(-3)) expect(await proofs.check(request(proof))).toEqual(repeated)
    expect(await proofs.check(request(all[0] ?? ''))).toEqual(accepted)
  })

  it('asks the store about a proof that is new here, and about no other', async () => {
    const asked: string[] = []
    const log: ProofLog = { use: async (id) => (asked.push(id), asked.length === 1) }
    const { proofs, prove, request } = setUp({ log })
    const proof = prove()
    expect(await proofs.check(request(proof))).toEqual(accepted)
    expect(await proofs.check(request(proof))).toEqual(repeated)
    expect(await proofs.check(request(prove({ htm: 'PUT' })))).toEqual({ reason: 'htm' })
    expect(asked).toHaveLength(1)
    expect(await proofs.check(request(prove()))).toEqual(repeated)
  })

  it('goes on by itself with access tokens while the store is away, and with nothing else', async () => {
    const log: ProofLog = { use: () => Promise.reject(failure('storeUnreachable')) }
    const { proofs, prove, request } = setUp({ log })
    const proof = prove()
    expect(await proofs.checkWithToken(request(proof), 'token')).toEqual(accepted)
    expect(await proofs.checkWithToken(request(proof), 'token')).toEqual(repeated)
    await expect(proofs.check(request(prove()))).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
  })
})
