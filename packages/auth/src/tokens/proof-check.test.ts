import { describe, expect, it } from 'vitest'
import { createProver } from '../../test/kit/proofs.js'
import { failure } from '../base/failures.js'
import { createProofCheck, createUseOnce, type ProofLog } from './proof-check.js'

const url = 'https://auth.example.com/v1/auth/me'
const ada = createProver()

function setUp({ log, proofsKept }: { readonly log?: ProofLog; readonly proofsKept?: number } = {}) {
  const time = { now: 1_000_000 }
  const proofs = createProofCheck({ clock: () => time.now, log, proofsKept })
  const prove = (claims?: Record<string, unknown>) =>
    ada.prove({ htm: 'GET', htu: url, at: time.now, accessToken: 'token', ...(claims && { claims }) })
  const request = (proof: string, source: object = {}) => ({ proof, method: 'GET', url: () => url, source })
  const use = (proof: string, source?: object, jkt = ada.jkt) => proofs.of(request(proof, source)).use(jkt)
  const useWithToken = (proof: string, source?: object, jkt = ada.jkt) =>
    proofs.useWithToken(request(proof, source), 'token', jkt)
  return { time, proofs, prove, request, use, useWithToken }
}

describe('the check of proofs', () => {
  it('accepts a proof once', async () => {
    const { prove, use, useWithToken } = setUp()
    const proof = prove()
    expect(await use(proof)).toBe(null)
    expect(await use(proof)).toBe('repeated')
    expect(await useWithToken(proof)).toBe('repeated')
    expect(await use(prove())).toBe(null)
  })

  it('accepts a proof several times for one request, however its checks overlap', async () => {
    const { prove, use, useWithToken } = setUp()
    const proof = prove()
    const source = {}
    expect(await Promise.all([use(proof, source), useWithToken(proof, source)])).toEqual([null, null])
    expect(await use(proof)).toBe('repeated')
  })

  it('accepts no other proof for the sake of an earlier one of the same request', async () => {
    const { prove, use } = setUp()
    const [one, other] = [prove(), prove()]
    await use(other)
    const source = {}
    expect(await use(one, source)).toBe(null)
    expect(await use(other, source)).toBe('repeated')
  })

  it('remembers a proof for as long as its iat is accepted', async () => {
    const { time, prove, use } = setUp()
    const proof = prove({ iat: time.now + 60 })
    expect(await use(proof)).toBe(null)
    for (let passed = 0; passed < 120; passed += 10) {
      time.now += 10
      expect(await use(proof), String(passed)).toBe('repeated')
    }
    time.now += 1
    expect(await use(proof)).toBe('iat')
  })

  it('is bounded in memory, and remembers the proofs that came last', async () => {
    const { prove, use } = setUp({ proofsKept: 3 })
    const all = Array.from({ length: 12 }, () => prove())
    for (const proof of all) expect(await use(proof)).toBe(null)
    for (const proof of all.slice(-3)) expect(await use(proof)).toBe('repeated')
    expect(await use(all[0] ?? '')).toBe(null)
  })

  it('asks the store about a proof that is new here, and about no other', async () => {
    const asked: string[] = []
    const log: ProofLog = { use: async (id) => (asked.push(id), asked.length === 1) }
    const { prove, use } = setUp({ log })
    const proof = prove()
    expect(await use(proof)).toBe(null)
    expect(await use(proof)).toBe('repeated')
    expect(await use(prove({ htm: 'PUT' }))).toBe('htm')
    expect(asked).toHaveLength(1)
    expect(await use(prove())).toBe('repeated')
  })

  it('remembers no proof of another key than the one that is asked for, and none that is only judged', async () => {
    const asked: string[] = []
    const log: ProofLog = { use: async (id) => (asked.push(id), true) }
    const { proofs, prove, request, use, useWithToken } = setUp({ log, proofsKept: 3 })
    const mallory = createProver()
    const kept = prove()
    expect(await use(kept)).toBe(null)
    for (let turn = 0; turn < 20; turn++) {
      const stranger = mallory.prove({ htm: 'GET', htu: url, at: 1_000_000, accessToken: 'token' })
      expect(proofs.of(request(stranger)).judge()).toMatchObject({ jkt: mallory.jkt })
      expect(await use(stranger)).toBe('other_key')
      expect(await useWithToken(stranger)).toBe('other_key')
    }
    expect(asked).toHaveLength(1)
    // They have not driven the proof of another one out of the memory either.
    expect(await use(kept)).toBe('repeated')
  })

  it('goes on by itself with access tokens while the store is away, and with nothing else', async () => {
    const log: ProofLog = { use: () => Promise.reject(failure('storeUnreachable')) }
    const { prove, use, useWithToken } = setUp({ log })
    const proof = prove()
    expect(await useWithToken(proof)).toBe(null)
    expect(await useWithToken(proof)).toBe('repeated')
    await expect(use(prove())).rejects.toMatchObject({ code: 'AUTH_UNAVAILABLE' })
  })
})

it('the memory of this process forgets an id after twice the time for which a proof counts', async () => {
  let now = 1_000_000
  const isFirst = createUseOnce({ clock: () => now })
  expect(await isFirst('one')).toBe(true)
  now += 149
  expect(await isFirst('one')).toBe(false)
  now += 1
  expect(await isFirst('two')).toBe(true)
  now += 150
  expect(await isFirst('one')).toBe(true)
  expect(await isFirst('two')).toBe(false)
})
