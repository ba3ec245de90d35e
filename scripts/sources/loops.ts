/** An arrow between two places, files or rooms. */
export interface Edge {
  readonly from: string
  readonly to: string
}

/**
 * Finds the loops of a graph: the groups of places that all reach each other (strongly connected components of two or more, by
 * Tarjan's algorithm). A place that points at itself is no loop.
 */
export function findLoops(edges: readonly Edge[]): readonly (readonly string[])[] {
  const targets = targetsOf(edges)
  const order = new Map<string, number>()
  const lowest = new Map<string, number>()
  const open: string[] = []
  const loops: string[][] = []
  const visit = (place: string) => {
    order.set(place, order.size)
    let low = order.size - 1
    open.push(place)
    for (const target of targets.get(place) ?? []) {
      if (!order.has(target)) visit(target)
      if (open.includes(target)) low = Math.min(low, lowest.get(target) ?? order.get(target) ?? low)
    }
    lowest.set(place, low)
    if (low !== order.get(place)) return
    const group = open.splice(open.indexOf(place))
    if (group.length > 1) loops.push(group.toSorted())
  }
  for (const place of targets.keys()) if (!order.has(place)) visit(place)
  return loops.toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1))
}

function targetsOf(edges: readonly Edge[]): ReadonlyMap<string, ReadonlySet<string>> {
  const targets = new Map<string, Set<string>>()
  for (const { from, to } of edges) targets.set(from, (targets.get(from) ?? new Set()).add(to))
  return targets
}
