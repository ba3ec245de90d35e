/**
 * Prints how long cold starts take, and what they load: the import of the library to the first verified token, and the service to
 * `/readyz`. Each process is started `--rounds` times, all in turn. `--beside <folder>` measures another built checkout in the same
 * turns and prints the ratio to it. `--rounds 3` is quick. The start of a Worker is measured by workers.ts.
 */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readFlags, requireWhole } from './kit/flags.ts'
import { hasPostgres } from './kit/internals.ts'
import { serveJson } from './kit/loopback.ts'
import { inFolder } from './kit/machine.ts'
import { appId, forwardOptions, memberClaims, memberId } from './kit/members.ts'
import { startMeasuredPostgres } from './kit/postgres.ts'
import { inTurns, middle, ratioOf } from './kit/rounds.ts'
import { createSigner } from './kit/signer.ts'
import { number, print, printTable } from './kit/table.ts'
import { libraryCase, serviceCase, type StartCase } from './starts/cases.ts'
import { readLoaded } from './starts/loaded.ts'

const { rounds, beside, only } = readFlags({ rounds: 9, beside: '', only: [] })
requireWhole({ '--rounds': rounds })
const root = fileURLToPath(new URL('..', import.meta.url))

const signer = createSigner('RS256', 'bench')
const access = createSigner('ES256', 'access')
const keySet = await serveJson(() => ({ status: 200, body: JSON.stringify({ keys: [access.jwk] }) }))
const postgres = hasPostgres() ? await startMeasuredPostgres('quick') : null
try {
  await inFolder(async (folder) => {
    const cases = casesOf(folder).filter(({ name }) => only.length === 0 || only.includes(name))
    await printTimes(cases)
    await printLoaded(cases, folder)
  })
} finally {
  keySet.close()
  await postgres?.remove()
}

function casesOf(folder: string): readonly StartCase[] {
  const member = memberId(0)
  const forward = { options: forwardOptions({ jwks: JSON.stringify({ keys: [signer.jwk] }) }), member }
  const ofMember = { ...forward, token: signer.sign(memberClaims(0)) }
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: 'perennial',
    aud: appId,
    sub: member,
    sid: 's',
    jti: 'j',
    iat: now,
    exp: now + 3500,
    gen: 1,
  }
  const verified = {
    call: 'verifier',
    options: { jwksUri: keySet.url, appId },
    token: access.sign({ ...claims, email: 'ada@example.com', roles: [], customFields: {} }),
    member,
  }
  const sqlite = { STORE_URL: 'sqlite:./perennial.db' }
  return [
    libraryCase('Node alone', [], { call: 'nothing', member }),
    libraryCase('`@perennial/auth`, first token', ['index.js'], { ...ofMember, call: 'library' }),
    libraryCase('`/verifier`, first token', ['verifier.js'], verified),
    libraryCase('`/fetch`, first token', ['index.js', 'adapters/fetch.js'], { ...ofMember, call: 'fetch' }),
    serviceCase('the service, `memory:`', { STORE_URL: 'memory:' }, folder),
    serviceCase('the service, a new SQLite file', sqlite, folder),
    ...(postgres ? [serviceCase('the service, PostgreSQL', { STORE_URL: postgres.url }, folder)] : []),
    serviceCase(
      'the service, SQLite, `NODE_COMPILE_CACHE`',
      { ...sqlite, NODE_COMPILE_CACHE: join(folder, 'cache') },
      folder,
    ),
  ]
}

async function printTimes(cases: readonly StartCase[]): Promise<void> {
  const roots = beside === '' ? [root] : [root, beside]
  const contenders = cases.flatMap((one) => roots.map((place) => ({ one, place })))
  // The first start of each reads its files from the disk, and fills the compile cache.
  for (const { one, place } of contenders) await one.start(place)
  const samples = await inTurns(contenders, rounds, ({ one, place }) => one.start(place))
  const of = (wanted: StartCase, at: string) =>
    samples.get(
      contenders.find(({ one, place }) => one === wanted && place === at) ?? { one: wanted, place: at },
    ) ?? []
  const [alone] = cases
  const idle = alone ? middle(of(alone, root), 'cpuMilliseconds') : 0
  printTable(cases, {
    '': ({ name }) => name,
    milliseconds: (one) => number(middle(of(one, root), 'milliseconds')),
    'ms of CPU': (one) => number(middle(of(one, root), 'cpuMilliseconds')),
    'beyond Node alone': (one) => number(middle(of(one, root), 'cpuMilliseconds') - idle),
    ...(beside !== '' && {
      'CPU before': (one: StartCase) => number(middle(of(one, beside), 'cpuMilliseconds')),
      'CPU against before': (one: StartCase) =>
        number(ratioOf(of(one, root), of(one, beside), 'cpuMilliseconds'), 2),
      'beyond Node alone, against before': (one: StartCase) =>
        number(
          (middle(of(one, root), 'cpuMilliseconds') - idle) /
            (middle(of(one, beside), 'cpuMilliseconds') - idle),
          2,
        ),
    }),
  })
}

async function printLoaded(cases: readonly StartCase[], folder: string): Promise<void> {
  print(
    'The modules that it loads from files, and the packages that took most of the CPU time (with those that Node loads for them):\n',
  )
  const rows = []
  for (const one of cases) rows.push({ name: one.name, ...(await readLoaded(one, root, folder)) })
  printTable(rows, {
    '': ({ name }) => name,
    modules: ({ modules }) => number(modules),
    kB: ({ bytes }) => number(bytes / 1000),
    'most of the time': ({ slowest }) =>
      slowest.map(({ name, share, modules }) => `${name} ${number(share * 100)} % (${modules})`).join(', '),
  })
}
