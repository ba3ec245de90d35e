import type { SoakPlan } from './plan.ts'
import type { SoakResult } from './run.ts'

/** Returns what a soak has found wrong: one line for each check that failed. */
export function listFaults(
  result: Pick<
    SoakResult,
    'store' | 'losses' | 'thefts' | 'foreign' | 'strayed' | 'badExits' | 'memoryBytes' | 'restarts'
  >,
  plan: Pick<SoakPlan, 'mostGrowth'>,
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
    ...(restarts < 2 ? [`an instance was restarted ${restarts} times only`] : []),
  ].map((fault) => `${result.store}: ${fault}`)
}
