/**
 * Prints what a Worker uploads and how long it takes from the import to its first verified token, with Perennial, better-auth and
 * supertokens-node. The others are installed by `npm ci --prefix bench/workers --ignore-scripts`. `--rounds 3` is quick.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { bundle } from '../scripts/bundling.ts'
import { readFlags, requireWhole } from './kit/flags.ts'
import { inFolder } from './kit/machine.ts'
import { inTurns, middle } from './kit/rounds.ts'
import { number, print, printTable } from './kit/table.ts'
import type { Contender } from './workers/contender.ts'
import { betterAuthContender, supertokensContender } from './workers/others.ts'
import { libraryContender, verifierContender } from './workers/perennial.ts'

const { rounds } = readFlags({ rounds: 15 })
requireWhole({ '--rounds': rounds })

const here = fileURLToPath(new URL('.', import.meta.url))
const othersAreInstalled = existsSync(join(here, 'workers/node_modules/better-auth'))
const contenders = [
  verifierContender,
  libraryContender,
  ...(othersAreInstalled ? [betterAuthContender, supertokensContender] : []),
]
const run = promisify(execFile)

await inFolder(async (folder) => {
  const measured = await Promise.all(
    contenders.map((contender, place) => prepare(contender, join(folder, String(place)))),
  )
  const samples = await inTurns(measured, rounds, async ({ program, settings }) => {
    const script = join(here, 'workers/first-token.ts')
    const { stdout } = await run(process.execPath, [...process.execArgv, script, program, settings])
    return { milliseconds: Number(stdout) }
  })
  printTable(samples, {
    library: ([{ name }]) => name,
    'upload, gzip': ([{ gzipBytes }]) => `${number(gzipBytes / 1000, 1)} kB`,
    'without gzip': ([{ bytes }]) => `${number(bytes / 1000)} kB`,
    'import to first verified token': ([, own]) => `${number(middle(own, 'milliseconds'))} ms`,
  })
  for (const { close } of measured) await close()
})
if (!othersAreInstalled)
  print(
    'Left out: better-auth and supertokens-node. Install them: npm ci --prefix bench/workers --ignore-scripts',
  )

async function prepare(contender: Contender, base: string) {
  const place = join(here, 'workers')
  const { text } = await bundle(contender.program, { target: 'workerd', place, minify: true })
  await mkdir(base)
  const program = `${base}.mjs`
  await writeFile(program, text)
  const load = () => import(pathToFileURL(program).href)
  const { close, ...prepared } = await contender.prepare(base, load)
  const settings = `${base}.json`
  await writeFile(settings, JSON.stringify(prepared))
  const [bytes, gzipBytes] = [Buffer.byteLength(text), gzipSync(text, { level: 9 }).length]
  return { name: contender.name, program, settings, bytes, gzipBytes, close }
}
