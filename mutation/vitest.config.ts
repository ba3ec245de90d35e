import process from 'node:process'
import { mergeConfig } from 'vitest/config'
import config from '../vitest.config.ts'

/** The repository's own configuration, with the tests of one room. */
const { include: _all, ...test } = config.test ?? {}
export default mergeConfig(
  { ...config, test },
  { test: { include: (process.env['MUTATE_TESTS'] ?? '').split(','), maxWorkers: 1 } },
)
