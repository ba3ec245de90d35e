import type { Redis } from 'ioredis'

/** Figures of `INFO`, by name. */
export async function readInfo(redis: Redis, section: string): Promise<ReadonlyMap<string, string>> {
  const lines = (await redis.info(section)).split('\r\n')
  return new Map(
    lines.flatMap((line) => {
      const [, name, value] = /^([^#:]+):(.*)$/.exec(line) ?? []
      return name !== undefined && value !== undefined ? [[name, value]] : []
    }),
  )
}

/** One figure of `INFO`. */
export async function readFigure(redis: Redis, section: string, name: string): Promise<number> {
  return Number((await readInfo(redis, section)).get(name))
}

/** CPU seconds of the main thread's commands and all else the server does. */
export async function redisCpuSeconds(redis: Redis): Promise<number> {
  const info = await readInfo(redis, 'cpu')
  return Number(info.get('used_cpu_user')) + Number(info.get('used_cpu_sys'))
}

/** How often each command ran since the counts began, those inside scripts included. */
export async function commandCounts(redis: Redis): Promise<ReadonlyMap<string, number>> {
  const info = await readInfo(redis, 'commandstats')
  return new Map(
    [...info].map(([name, text]) => [
      name.replace('cmdstat_', ''),
      Number(/^calls=(\d+)/.exec(text)?.[1] ?? 0),
    ]),
  )
}

/** What clients sent meanwhile, one line each; what scripts do inside Redis is not sent. */
export async function monitored(redis: Redis, work: () => Promise<void>): Promise<readonly string[]> {
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
  // Its own mark comes after everything before it.
  await redis.echo(mark)
  await marked
  monitor.disconnect()
  return sent
}
