import { expect, it } from 'vitest'
import { isFunction, readRuntime } from './runtime.js'

it('knows that it runs on Node', () => {
  expect(readRuntime()).toBe('node')
})

it.each(['VERCEL', 'AWS_LAMBDA_FUNCTION_NAME', 'NETLIFY', 'DENO_DEPLOYMENT_ID'])(
  'knows a function by %s',
  (name) => {
    expect(isFunction({ [name]: '1' })).toBe(true)
    expect(isFunction({ [name]: '' })).toBe(false)
  },
)

it('knows that a Worker is a function', () => {
  expect(isFunction({}, 'workerd')).toBe(true)
  expect(isFunction({}, 'deno')).toBe(false)
})
