/**
 * Runs all contenders in turn, round after round, so that other load on the machine affects all alike. Another one begins each
 * round. Returns the samples of each.
 */
export async function inTurns<Contender, Sample>(
  contenders: readonly Contender[],
  rounds: number,
  run: (contender: Contender) => Promise<Sample>,
): Promise<ReadonlyMap<Contender, readonly Sample[]>> {
  const samples = new Map(contenders.map((contender): [Contender, Sample[]] => [contender, []]))
  for (let round = 0; round < rounds; round += 1) {
    const first = round % contenders.length
    for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)])
      samples.get(contender)?.push(await run(contender))
  }
  return samples
}

/** Returns the median of one figure of all samples; of two in the middle, the greater. */
export function middle<Figure extends string>(
  samples: readonly Readonly<Record<Figure, number>>[],
  figure: Figure,
): number {
  return percentile(
    samples.map((sample) => sample[figure]),
    0.5,
  )
}

/** Returns the median of the ratios of a figure to that of the same round of another contender. */
export function ratioOf<Figure extends string>(
  own: readonly Readonly<Record<Figure, number>>[],
  base: readonly Readonly<Record<Figure, number>>[],
  figure: Figure,
): number {
  return percentile(
    own.map((sample, round) => sample[figure] / (base[round]?.[figure] ?? Number.NaN)),
    0.5,
  )
}

/** Returns the value that this share of all values is below. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
