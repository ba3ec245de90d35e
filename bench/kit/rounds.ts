/** Runs all contenders in turn, round after round, so that other load on the machine affects all alike. Returns the samples of each. */
export async function inTurns<Contender, Sample>(
  contenders: readonly Contender[],
  rounds: number,
  run: (contender: Contender) => Promise<Sample>,
): Promise<ReadonlyMap<Contender, readonly Sample[]>> {
  const samples = new Map(contenders.map((contender): [Contender, Sample[]] => [contender, []]))
  for (let round = 0; round < rounds; round += 1) {
    for (const [contender, own] of samples) own.push(await run(contender))
  }
  return samples
}

/** Returns the value in the middle; of two in the middle, the greater. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5)
}

/** Returns the value that this share of all values is below. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** Returns a function that returns the items one after the other, again and again. */
export function roundRobin<Item>(items: readonly Item[]): () => Item {
  let next = 0
  return () => {
    const item = items[next++ % items.length]
    if (item === undefined) throw new Error('no items to take in turn')
    return item
  }
}
