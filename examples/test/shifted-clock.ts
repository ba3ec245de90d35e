/** Loaded before a program (`--import`): its clock is ahead by as many seconds as its parent sends. Each message is answered. */
import process from 'node:process'

const realNow = Date.now
let aheadMs = 0

Date.now = () => realNow() + aheadMs
process.on('message', ({ aheadSeconds }: { readonly aheadSeconds: number }) => {
  aheadMs = aheadSeconds * 1000
  process.send?.('shifted')
})
// The channel alone does not keep the program running.
process.channel?.unref()
