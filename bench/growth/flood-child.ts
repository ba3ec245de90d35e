/** Sends the tokens it is given, at a steady rate, until it is told to stop: a process of its own, as an attacker is. */
import process from 'node:process'
import type { FloodOrder } from './flood.ts'
import { sendPaced } from '../load/traffic.ts'

process.on('message', ({ shots, ...pace }: FloodOrder) => {
  let next = 0
  const nextShot = () => {
    const shot = shots[next++ % shots.length]
    if (!shot) throw new Error('nothing to send')
    return shot
  }
  void sendPaced({ ...pace, connections: 64, next: nextShot }).then(({ requestsPerSecond }) =>
    process.send?.({ requestsPerSecond }),
  )
})
process.once('disconnect', () => process.exit())
process.send?.('ready')
