/**
 * Runs two instances under a steady load, on PostgreSQL and on Redis, while one of them is killed and stopped in turn and started again.
 * Prints the times, the CPU and the writes to the disk, and fails if an honest session was lost or taken for stolen, an answer was that of
 * another member, or the memory grew. The default takes half an hour for each store; `--sessions 500 --seconds 30 --warm-up-seconds 10
 * --restart-seconds 5 --refreshes-per-second 50 --protected-per-second 300 --most-growth 2` is quick.
 */
import process from 'node:process'
import { number, print, printGrid } from './kit/table.ts'
import { listFaults } from './soak/checks.ts'
import { readPlan } from './soak/plan.ts'
import { soak, type SoakResult, type Times } from './soak/run.ts'

const plan = readPlan(process.argv.slice(2))
const results: SoakResult[] = []
for (const kind of plan.stores) results.push(await soak(kind, plan))

const times = ({ p50Ms, p95Ms, p99Ms, longestMs }: Times) =>
  `${number(p50Ms, 1)} / ${number(p95Ms, 1)} / ${number(p99Ms, 1)} / ${number(longestMs)}`
const orNot = (value: number, digits: number) => (Number.isNaN(value) ? 'not counted' : number(value, digits))
const lines: Readonly<Record<string, (result: SoakResult) => string>> = {
  'seconds measured, after the warm-up': ({ measuredSeconds }) => number(measuredSeconds),
  'refreshes, protected requests': ({ refreshes, protectedRequests }) =>
    `${number(refreshes.count)}, ${number(protectedRequests.count)}`,
  'the same a second': ({ refreshes, protectedRequests, measuredSeconds }) =>
    `${number(refreshes.count / measuredSeconds, 1)}, ${number(protectedRequests.count / measuredSeconds)}`,
  'restarts of one instance': ({ restarts }) => number(restarts),
  'answers lost on their way; requests sent again': ({ lost, unanswered }) =>
    `${number(lost)}; ${number(unanswered)}`,
  'honest sessions refused': ({ losses }) => number(losses.length),
  'honest sessions ended as stolen': ({ thefts }) => number(thefts),
  'answers of another member': ({ foreign }) => number(foreign.length),
  'sessions that the store has otherwise than their members': ({ strayed }) => number(strayed.length),
  'refresh: p50 / p95 / p99 / longest, ms': ({ refreshes }) => times(refreshes),
  'protected request: the same': ({ protectedRequests }) => times(protectedRequests),
  'memory of the instance that kept running: first / last quarter / most, MB': ({ memoryBytes }) =>
    [memoryBytes.first, memoryBytes.last, memoryBytes.most].map((bytes) => number(bytes / 1e6)).join(' / '),
  'cores in use: both instances / the store': ({ serviceCpuSeconds, storeUse, measuredSeconds }) =>
    `${number(serviceCpuSeconds.all / measuredSeconds, 2)} / ${number(storeUse.cpuSeconds / measuredSeconds, 2)}`,
  'CPU of the service: a refresh / a protected request, ms': ({ serviceCpuSeconds }) =>
    `${number(serviceCpuSeconds.forOneRefresh * 1000, 2)} / ${number(serviceCpuSeconds.forOneProtected * 1000, 3)}`,
  'refreshes a second that a core of the service carries': ({ serviceCpuSeconds }) =>
    number(1 / serviceCpuSeconds.forOneRefresh),
  'CPU of the store for a refresh, ms': ({ storeUse, refreshes }) =>
    number((storeUse.cpuSeconds / refreshes.count) * 1000, 2),
  'writes to the disk for a refresh': ({ storeUse, refreshes }) =>
    orNot(storeUse.writes / refreshes.count, 2),
  'the same for 100 refreshes a second (IOPS)': ({ storeUse, refreshes }) =>
    orNot((storeUse.writes / refreshes.count) * 100, 0),
  'syncs of the log for a refresh': ({ storeUse, refreshes }) => orNot(storeUse.syncs / refreshes.count, 2),
  'bytes written for a refresh': ({ storeUse, refreshes }) => number(storeUse.writtenBytes / refreshes.count),
}

print(
  `${number(plan.sessions)} sessions, ${number(plan.openSessions)} of them open, ${number(plan.refreshesPerSecond)} refreshes and ${number(plan.protectedPerSecond)} protected requests a second, two instances.\n`,
)
printGrid([
  ['', ...results.map(({ store }) => store)],
  ...Object.entries(lines).map(([name, cell]) => [name, ...results.map(cell)]),
])
const faults = results.flatMap((result) => listFaults(result, plan))
for (const fault of faults) print(fault)
if (faults.length > 0) process.exitCode = 1
