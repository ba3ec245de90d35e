export { type CallCounts, controlCalls, createCallCounts } from './calls.js'
export { checkFault, createFaults, type Fault, type Faults } from './faults.js'
export {
  type EmulatorOptions,
  type EmulatorSettings,
  isLoopbackAddress,
  isLoopbackHost,
  readOptions,
  readWebhookUrl,
} from './options.js'
export { createRequestQuota, type RequestQuota } from './request-quota.js'
export { createSwitchBoard, type SwitchBoard, type SwitchChanges, type Switches } from './switches.js'
