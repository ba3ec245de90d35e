import type { SoakPlan } from './plan.ts'
import type { SoakResult } from './run.ts'

/** Returns what a soak has found wrong: one line for each check that failed. */
export function listFaults(
  result: Omit<SoakResult, 'serviceCpuSeconds' | 'storeUse'>,
  plan: Pick<SoakPlan, 'seconds' | 'warmUpSeconds' | 'restartSeconds' | 'mostGrowth' | keyof Rates>,
): readonly string[] {
  const { losses, thefts, foreign, strayed, badExits, memoryBytes, restarts } = result
  const growth = memoryBytes.last / memoryBytes.first
  const counted = (what: string, lines: readonly string[]) =>
    lines.length > 0 ? [`${lines.length} ${what}, such as: ${lines[0]}`] : []
  return [
    ...counted('honest sessions were refused', losses),
    ...(thefts > 0 ? [`${thefts} honest sessions were ended as stolen`] : []),
    ...counted('answers were of another member', foreign),
    ...counted('sessions are not in the store as their members have them', strayed),
    ...counted('instances ended in another way than they were ended', badExits),
    ...(growth <= plan.mostGrowth
      ? []
      : [`the memory of the instance that kept running grew by ${((growth - 1) * 100).toFixed(0)} %`]),
    // On a busy machine a start takes its time.
    ...(restarts >= Math.max(1, plan.seconds / plan.restartSeconds / 2)
      ? []
      : [`an instance was restarted ${restarts} times only`]),
    ...listMissing(result, plan),
  ].map((fault) => `${result.store}: ${fault}`)
}

type Rates = Pick<SoakPlan, 'refreshesPerSecond' | 'protectedPerSecond'>

/** The load was as large as planned: every request that was due was answered. */
function listMissing(
  {
    refreshes,
    protectedRequests,
    measuredSeconds,
  }: Pick<SoakResult, 'refreshes' | 'protectedRequests' | 'measuredSeconds'>,
  { refreshesPerSecond, protectedPerSecond }: Rates,
): readonly string[] {
  const kinds = [
    ['refreshes', refreshes.count, refreshesPerSecond],
    ['protected requests', protectedRequests.count, protectedPerSecond],
  ] as const
  return kinds.flatMap(([name, count, perSecond]) =>
    count < perSecond * measuredSeconds * 0.98
      ? [`${(count / measuredSeconds).toFixed(0)} ${name} a second were answered, not ${perSecond}`]
      : [],
  )
}
