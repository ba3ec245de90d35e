import process from 'node:process'
import { median } from '../kit/rounds.ts'
import { head, number, row } from '../kit/table.ts'
import { shapes, type Measured, type Sample } from './measure.ts'

/** Prints the table of one framework. */
export function printFramework(framework: string, measured: readonly Measured[]): void {
  head(
    framework,
    'tokens',
    'CPU s per 10,000',
    'against open',
    'requests/s',
    'p99 ms',
    'memory MB',
    'refused',
    'key-set fetches: load / 300 unknown keys',
  )
  for (const contender of measured) for (const shape of shapes) printShape(contender, shape)
  process.stdout.write('\n')
}

function printShape(
  { name, samples, memoryBytes, refused, fetches }: Measured,
  shape: keyof Measured['samples'],
): void {
  const middle = (figure: keyof Sample) => median(samples[shape].map((sample) => sample[figure]))
  const ofProcess = [(memoryBytes / 1e6).toFixed(0), refused ?? '–', refused === null ? '–' : fetches]
  row(
    name,
    shape,
    middle('cpuSecondsPer10000').toFixed(3),
    middle('againstOpen').toFixed(2),
    number(middle('requestsPerSecond')),
    middle('p99Ms').toFixed(1),
    ...(shape === shapes[0] ? ofProcess : ['', '', '']),
  )
}
