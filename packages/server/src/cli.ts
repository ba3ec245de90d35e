#!/usr/bin/env node
import { runOnSupportedNode } from './base/node-version.js'

await runOnSupportedNode(() => import('./command-program.js'))
