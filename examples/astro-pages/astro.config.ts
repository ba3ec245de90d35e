import process from 'node:process'
import node from '@astrojs/node'
import { defineConfig } from 'astro/config'

export default defineConfig({
  output: 'server',
  adapter: node({ mode: 'standalone' }),
  // Empty, unless the site is mounted at a path such as `/shop`.
  base: process.env['BASE_PATH'],
})
