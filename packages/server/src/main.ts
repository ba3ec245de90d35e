#!/usr/bin/env node
import { runOnSupportedNode } from './base/process.js'

await runOnSupportedNode(() => import('./service.js'))
