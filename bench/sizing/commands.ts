import type { MeasuredRedis } from '../kit/redis.ts'

type Redis = MeasuredRedis['admin']

/** Commands of the bench and of connections, not of a refresh. */
const ofTheBench = new Set([
  'info',
  'config|resetstat',
  'monitor',
  'echo',
  'ping',
  'publish',
  'hello',
  'client|setinfo',
  'client|setname',
])

/** Returns the number of commands that ran since `CONFIG RESETSTAT`, those inside scripts included. */
export async function commandsRun(redis: Redis): Promise<number> {
  const info = await redis.info('commandstats')
  const counts = [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)]
  return counts.reduce((sum, [, name = '', calls]) => sum + (ofTheBench.has(name) ? 0 : Number(calls)), 0)
}

/** Returns the commands that clients sent during some work, one line each; commands inside scripts are not sent. */
export async function commandsSent(redis: Redis, work: () => Promise<void>): Promise<readonly string[]> {
  const monitor = await redis.monitor()
  const sent: string[] = []
  const mark = `mark ${Math.random()}`
  const marked = new Promise<void>((resolve) => {
    monitor.on('monitor', (_time: string, args: readonly string[], source: string) => {
      if (args.includes(mark)) resolve()
      else if (source !== 'lua') sent.push(args.join(' '))
    })
  })
  await work()
  // The mark arrives after everything before it.
  await redis.echo(mark)
  await marked
  monitor.disconnect()
  return sent
}
