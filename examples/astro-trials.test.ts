import { describeTrials } from './test/trials.contract.js'

describeTrials(
  {
    name: 'astro-pages',
    trials: 'astro-trials',
    base: '/shop',
    build: ['node_modules/astro/bin/astro.mjs', 'build'],
    start: ['dist/server/entry.mjs'],
    env: { HOST: '127.0.0.1', PORT: '0' },
  },
  /\/shop\/_astro\/[^"]+\.js/,
)
