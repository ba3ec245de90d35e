import { setTimeout as sleep } from 'node:timers/promises'
import { send } from '../kit/http.ts'
import { roundRobin } from '../kit/load.ts'
import { inFolder } from '../kit/machine.ts'
import { memberClaims, memberId } from '../kit/members.ts'
import { signInRequest } from '../kit/requests.ts'
import { createSigner } from '../kit/signer.ts'
import { createTally, losePlan, refresh, signIn, type Member, type Tally } from './honest-members.ts'
import { madeUp, startSurroundings, type Surroundings } from './surroundings.ts'

/** One row of the table. */
export interface Case {
  /** The addresses that the made-up sign-ins come from; 0 sends none. */
  readonly addresses: number
  readonly hasKeySet: boolean
  readonly seconds: number
  readonly perSecond: number
}

/** The answers to honest members and to forgeries. */
export interface Found extends Tally {
  readonly forgeries: {
    /** The number of answers, by status. */
    readonly answers: ReadonlyMap<number, number>
    readonly adminCalls: number
  }
}

/** Members that refresh, sign in and change their plans; the others lose the required plan now and then. */
const refreshing = 40
const losing = 10
/** Seconds between two events of one kind. A member that refreshes does so every 8 s, below the limit of a session. */
const every = { refresh: 0.2, signIn: 1, plan: 3 }

/** Runs honest members and a flood of made-up sign-ins beside each other. */
export async function measureCase(one: Case): Promise<Found> {
  return inFolder(async (folder) => {
    const ids = Array.from({ length: refreshing + losing }, (_, index) => memberId(index))
    const world = await startSurroundings(folder, ids, one.hasKeySet)
    try {
      const members = ids.map(createMember)
      // Beforehand, and not faster than the quota allows.
      for (const member of members) {
        if (!(await signIn(world, member, createTally()))) throw new Error(`${member.id} cannot sign in`)
        await sleep(100)
      }
      const tally = createTally()
      const [answers] = await Promise.all([flood(world, one), beHonest(world, members, tally, one.seconds)])
      if (one.addresses === 0) checkAll(tally)
      return { ...tally, forgeries: { answers, adminCalls: world.madeUpCalls() } }
    } finally {
      await world.stop()
    }
  })
}

/** @throws Error if something failed: without a flood, that is a fault of the program or of the service */
function checkAll({ refreshes, signIns, changes, losses }: Tally): void {
  const good = [refreshes.fresh, signIns.good, changes.seen, losses.seen]
  if (good.join() === [refreshes, signIns, changes, losses].map(({ all }) => all).join()) return
  throw new Error(`no figure from errors: without a flood only ${good.join(', ')} succeeded`)
}

function createMember(id: string, index: number): Member {
  const headers = { 'X-Forwarded-For': `198.51.100.${index + 1}` }
  return { id, headers, refreshToken: '', accessToken: '', version: 0, hasExtraPlan: false }
}

/** Returns the answers of the flood by status. Each request has a token of its own, with the right shape, issuer, app and key id. */
async function flood({ port, emulator }: Surroundings, { addresses, perSecond, seconds }: Case) {
  const answers = new Map<number, number>()
  if (addresses === 0) return answers
  const { keys }: { keys: { kid: string }[] } = await (await fetch(emulator.jwksUri)).json()
  const forger = createSigner('RS256', keys[0]?.kid ?? 'made-up')
  const claims = { ...memberClaims(0), iss: emulator.issuer, aud: emulator.appId }
  await pace(perSecond * seconds, 1 / perSecond, async (index) => {
    const token = forger.sign({ ...claims, id: `${madeUp}${index}` })
    const headers = { 'X-Forwarded-For': `203.0.113.${(index % addresses) + 1}` }
    const { status } = await send(port, { ...signInRequest(token), headers })
    answers.set(status, (answers.get(status) ?? 0) + 1)
  })
  return answers
}

/** Lets the honest members do what they do, each kind of event at its own pace. */
async function beHonest(world: Surroundings, members: readonly Member[], tally: Tally, seconds: number) {
  const nextRefresher = roundRobin(members.slice(0, refreshing))
  const nextDevice = roundRobin(members.slice(0, refreshing))
  const nextLoser = roundRobin(members.slice(refreshing))
  const refreshesPerPlan = every.plan / every.refresh
  await Promise.all([
    pace(seconds / every.refresh, every.refresh, (index) =>
      refresh(world, nextRefresher(), tally, index % refreshesPerPlan === 0 ? 'plan' : undefined),
    ),
    // On another device: the session that is refreshed stays.
    pace(seconds / every.signIn, every.signIn, async () => {
      await signIn(world, { ...nextDevice() }, tally)
    }),
    pace(seconds / every.plan, every.plan, () => losePlan(world, nextLoser(), tally)),
  ])
}

/** Starts something `count` times at a fixed pace, however long it takes, and waits for the end of all. */
async function pace(count: number, everySeconds: number, act: (index: number) => Promise<void>) {
  const startedAt = performance.now()
  const acts: Promise<void>[] = []
  for (let index = 0; index < count; index += 1) {
    await sleep(Math.max(0, startedAt + index * everySeconds * 1000 - performance.now()))
    acts.push(act(index))
  }
  await Promise.all(acts)
}
