import { createMemoryStore } from './memory.js'
import { describeStore } from './store.contract.js'

describeStore('memory', async (world) => createMemoryStore(world))
