import { readFlags, requireWhole } from '../kit/flags.ts'

/** `faults`: a thief and a mix-up are planted, so that a test can see the checks for them fail. */
const plants = ['none', 'faults'] as const

/** The flags of the program. */
export interface SoakPlan {
  readonly stores: readonly ('postgres' | 'redis')[]
  /** The length of the load on each store. */
  readonly seconds: number
  /** The part of it before anything is measured. */
  readonly warmUpSeconds: number
  /** The live sessions in the store. */
  readonly sessions: number
  /** Those of them that are refreshed and used. */
  readonly openSessions: number
  readonly refreshesPerSecond: number
  readonly protectedPerSecond: number
  /** One instance is restarted so often: killed and stopped in turn. */
  readonly restartSeconds: number
  /** One answer to a refresh in so many is lost on its way. */
  readonly loseOneIn: number
  /** `MEMBERSTACK_REQUESTS_PER_SECOND` of the instances. */
  readonly adminPerSecond: number
  /** The most that the memory of the instance that keeps running may be at the end, as a multiple of that after the warm-up. */
  readonly mostGrowth: number
  readonly plant: (typeof plants)[number]
}

/** Reads the flags. @throws TypeError for an unknown one, and for a value that is not valid */
export function readPlan(args: readonly string[]): SoakPlan {
  const { stores, plant, ...numbers } = readFlags(
    {
      stores: 'postgres,redis',
      seconds: 1800,
      // Two passes over all sessions: by then the cache of verified tokens is full.
      warmUpSeconds: 670,
      sessions: 100_000,
      openSessions: 100_000,
      refreshesPerSecond: 300,
      protectedPerSecond: 3000,
      restartSeconds: 120,
      loseOneIn: 500,
      adminPerSecond: 1000,
      mostGrowth: 1.1,
      plant: 'none',
    },
    args,
  )
  const { sessions, openSessions, loseOneIn, adminPerSecond } = numbers
  requireWhole({ '--sessions': sessions, '--open-sessions': openSessions })
  requireWhole({ '--lose-one-in': loseOneIn, '--admin-per-second': adminPerSecond })
  if (!(numbers.warmUpSeconds < numbers.seconds))
    throw new TypeError('--warm-up-seconds must be less than --seconds')
  return {
    ...numbers,
    openSessions: Math.min(sessions, openSessions),
    stores: stores.split(',').map((name) => oneOf('--stores', ['postgres', 'redis'] as const, name)),
    plant: oneOf('--plant', plants, plant),
  }
}

function oneOf<Name extends string>(flag: string, names: readonly Name[], given: string): Name {
  const found = names.find((name) => name === given)
  if (found !== undefined) return found
  throw new TypeError(`${flag} must be one of ${names.join(', ')}`)
}
