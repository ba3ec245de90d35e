/**
 * Prints the service of honest members beside made-up sign-ins: a flood of forged member JWTs from one address and from 50, with
 * and without `MEMBERSTACK_JWKS_URI`, against the real service and the emulator with its quota of 25 requests a second.
 * `--seconds 10` is quick; `--per-second` is the rate of the flood.
 */
import { measureCase, type Found } from './forgeries/measure-case.ts'
import { readFlags, requireWhole } from './kit/flags.ts'
import { number, print, startTable } from './kit/table.ts'

const { seconds, perSecond } = readFlags({ seconds: 60, perSecond: 200 })
requireWhole({ '--seconds': seconds, '--per-second': perSecond })

const cases = [
  { flood: 'none', addresses: 0, hasKeySet: false },
  { flood: '1 address', addresses: 1, hasKeySet: false },
  { flood: '50 addresses', addresses: 50, hasKeySet: false },
  { flood: '1 address', addresses: 1, hasKeySet: true },
  { flood: '50 addresses', addresses: 50, hasKeySet: true },
]

const share = (part: number, all: number) => `${number(part)} of ${number(all)}`

print(`${seconds} s each, ${number(perSecond)} made-up sign-ins a second:\n`)
const printRow = startTable<Found & (typeof cases)[number]>({
  'made-up sign-ins from': ({ flood }) => flood,
  '`MEMBERSTACK_JWKS_URI`': ({ hasKeySet }) => (hasKeySet ? 'set' : 'not set'),
  'refreshes that read their member': ({ refreshes }) => share(refreshes.fresh, refreshes.all),
  'stale / 503 / other': ({ refreshes: { stale, unavailable, other } }) =>
    `${stale} / ${unavailable} / ${other}`,
  'sign-ins answered 201': ({ signIns }) => share(signIns.good, signIns.all),
  'slowest of them': ({ signIns }) => `${number(signIns.slowestMs / 1000, 1)} s`,
  'plan changes seen at the next refresh': ({ changes }) => share(changes.seen, changes.all),
  'lost plans that ended the session by webhook within 5 s': ({ losses }) => share(losses.seen, losses.all),
  'forgeries answered 401 / 429 / 503': ({ forgeries: { answers } }) =>
    [401, 429, 503].map((status) => number(answers.get(status) ?? 0)).join(' / '),
  'admin calls spent by forgeries': ({ forgeries }) => number(forgeries.adminCalls),
})
for (const one of cases) printRow({ ...one, ...(await measureCase({ ...one, seconds, perSecond })) })
print()
