import { statusOf } from '@perennial/auth'
import { Validator } from '@seriousme/openapi-schema-validator'
import { describe, expect, it } from 'vitest'
import { describeService } from './document.js'

describe.each(['session', 'forward'] as const)('the description in %s mode', (mode) => {
  const document = describeService(mode)

  it('is valid OpenAPI 3.1', async () => {
    const result = await new Validator().validate(structuredClone({ ...document }))
    expect(result.errors).toBeUndefined()
    expect(result.valid).toBe(true)
  })

  it('has no dead reference', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)]
    expect(references.length).toBeGreaterThan(10)
    for (const [, name] of references) expect(Object.keys(document.components.schemas)).toContain(name)
  })

  it('gives every operation a unique id', () => {
    const ids = Object.values(document.paths).flatMap((path) =>
      Object.values(path).map(({ operationId }) => operationId),
    )
    expect(new Set(ids).size).toBe(ids.length)
  })
})

describe('describeService', () => {
  it('describes the session routes in session mode only', () => {
    expect(Object.keys(describeService('session').paths)).toContain('/v1/auth/sessions/{id}')
    expect(Object.keys(describeService('forward').paths).join()).not.toContain('session')
  })

  it('says when each code of the error table is returned', () => {
    const text = JSON.stringify(describeService('session').paths)
    const untold = Object.keys(statusOf).filter((code) => !text.includes(`\`${code}\``))
    expect(untold).toEqual([])
  })
})
