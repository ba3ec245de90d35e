/** Imports a bundle, verifies one token and prints the milliseconds of that. A process of its own, so that nothing is loaded before. */
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { openD1File } from './d1-file.ts'

const [bundle = '', settings = ''] = process.argv.slice(2)
const { token, world, member } = JSON.parse(readFileSync(settings, 'utf8'))
const database = world.database && openD1File(world.database)
// The bundle is that of a Worker: it has no HTTP client beside `fetch`.
Object.defineProperty(globalThis, 'navigator', { value: { userAgent: 'Cloudflare-Workers' } })
const startedAt = performance.now()
const { verify } = await import(bundle)
const found = await verify(token, world, database)
const milliseconds = performance.now() - startedAt
if (found !== member) throw new Error(`no figure from errors: the token is of ${String(found)}`)
process.stdout.write(String(milliseconds))
process.exit()
