import { shapes, type Measured, type Sample } from './measure.ts'

const columns = [
  'tokens',
  'CPU s per 10,000',
  'against open',
  'requests/s',
  'p99 ms',
  'memory MB',
  'refused',
  'key-set fetches: load / 300 unknown keys',
]

/** One framework's table in Markdown; the first contender is the open one, with which the others are compared. */
export function tableOf(framework: string, measured: readonly Measured[]): string {
  const rows = measured.flatMap((contender) => shapes.map((shape) => cellsOf(contender, shape)))
  return [[framework, ...columns], columns.map(() => '---').concat('---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |\n`)
    .join('')
}

function cellsOf(contender: Measured, shape: (typeof shapes)[number]): string[] {
  const samples = contender.samples[shape]
  const middle = (read: (sample: Sample) => number) => median(samples.map(read))
  const cpu = middle(({ cpuSecondsPer10000 }) => cpuSecondsPer10000)
  const cells = [
    contender.name,
    shape,
    cpu.toFixed(3),
    middle(({ againstOpen }) => againstOpen).toFixed(2),
    Math.round(middle(({ requestsPerSecond }) => requestsPerSecond)).toLocaleString('en'),
    middle(({ p99Ms }) => p99Ms).toFixed(1),
  ]
  if (shape !== shapes[0]) return [...cells, '', '', '']
  const { underLoad, unknownKids } = contender.fetches
  const fetches = contender.refused === null ? '–' : `${underLoad} / ${unknownKids}`
  return [...cells, (contender.memoryBytes / 1e6).toFixed(0), contender.refused ?? '–', fetches]
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}
