import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { measureRequests } from './measure.ts'

it('a refresh begins in the adapter and passes the store; a token seen before needs neither store nor signature', async () => {
  const [refresh, authenticate] = await measureRequests(fileURLToPath(new URL('../..', import.meta.url)))
  expect(refresh?.files[0]).toBe('adapters/express.ts')
  expect(refresh?.files.some((path) => path.startsWith('stores/sqlite/'))).toBe(true)
  expect(new Set(refresh?.files).size).toBe(refresh?.files.length)
  expect(refresh?.roomChanges).toBeGreaterThan(0)
  expect(authenticate?.files[0]).toBe('adapters/express.ts')
  expect(authenticate?.files.filter((path) => path.startsWith('stores/'))).toEqual([])
  expect(authenticate?.files).not.toContain('tokens/signature.ts')
})
