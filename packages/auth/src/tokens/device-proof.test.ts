import { describe, expect, it } from 'vitest'
import { proveDevice } from '../../test/kit/device-browser.js'
import { createProver } from '../../test/kit/proofs.js'
import { createDeviceProofJudge } from './device-proof.js'

const prover = createProver()
const other = createProver()
const judge = createDeviceProofJudge()
const { x, y } = prover.jwk

describe('the proof of a browser', () => {
  it('brings its key at the registration, and only its challenge later', () => {
    const proven = { jkt: prover.jkt, x, y, challenge: 'c1' }
    expect(judge(proveDevice(prover, 'c1'))).toEqual(proven)
    const later = proveDevice(prover, 'c1', { header: { jwk: undefined } })
    expect(judge(later, { x, y })).toEqual(proven)
    expect(judge(later)).toEqual({ reason: 'key' })
  })

  it('is judged by the registered key, whatever key it brings', () => {
    const foreign = proveDevice(other, 'c1')
    expect(judge(foreign, { x, y })).toEqual({ reason: 'signature' })
    expect(judge(proveDevice(prover, 'c1', { header: { jwk: other.jwk } }), { x, y })).toMatchObject({
      jkt: prover.jkt,
    })
    expect(judge(proveDevice(prover, 'c1', { header: { jwk: other.jwk } }))).toEqual({ reason: 'signature' })
  })

  it('is refused if it is missing, no JWT, of another type, or has no challenge', () => {
    expect(judge(undefined)).toEqual({ reason: 'missing' })
    for (const text of ['', 'x', 'a.b.c']) expect(judge(text), text).toEqual({ reason: 'malformed' })
    expect(judge(proveDevice(prover, 'c1', { header: { typ: 'dpop+jwt' } }))).toEqual({ reason: 'type' })
    expect(judge(proveDevice(prover, 'c1', { header: { alg: 'none' } }))).toEqual({ reason: 'algorithm' })
    for (const jti of [undefined, 7, null])
      expect(judge(proveDevice(prover, 'c1', { claims: { jti } })), String(jti)).toEqual({ reason: 'claims' })
  })

  it('needs a registered key that is a point of P-256', () => {
    const proof = proveDevice(prover, 'c1')
    for (const key of [
      { x: '', y: '' },
      { x: y, y: x },
      { x: 'rubbish', y },
    ])
      expect(judge(proof, key)).toEqual({ reason: 'key' })
  })
})
