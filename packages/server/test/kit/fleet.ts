import { createPlace } from './honest-client.js'
import { startProcess, type ServiceProcess } from './service-process.js'

/** Several services behind one balancer, each in a process of its own. */
export interface Fleet {
  readonly size: number
  /** Returns the URL of the service with this number; while it is down, of the next one that is up, or of the first to come up. */
  urlOf(number: number): Promise<string>
  isUp(number: number): boolean
  /** Resolves once it listens. */
  start(number: number): Promise<void>
  /** Kills it (SIGKILL), whether it listens or still starts. */
  kill(number: number): Promise<void>
  killAll(): Promise<void>
}

interface Site {
  readonly place: ReturnType<typeof createPlace>
  service: ServiceProcess | null
  isUp: boolean
}

/** @param env - the environment of all of them */
export function createFleet(folder: string, size: number, env: Readonly<Record<string, string>>): Fleet {
  const sites = Array.from({ length: size }, (): Site => ({
    place: createPlace(),
    service: null,
    isUp: false,
  }))
  const siteOf = (number: number): Site => {
    const site = sites[number % size]
    if (!site) throw new Error('no such service')
    return site
  }
  const kill = async (number: number) => {
    const site = siteOf(number)
    site.isUp = false
    site.place.isDown()
    const { service } = site
    service?.child.kill('SIGKILL')
    await service?.ended()
    site.service = null
  }
  return {
    size,
    urlOf: (number) => {
      const inTurn = sites.map((_, offset) => siteOf(number + offset))
      const up = inTurn.find(({ isUp }) => isUp)
      return up ? up.place.url() : Promise.race(inTurn.map(({ place }) => place.url()))
    },
    isUp: (number) => siteOf(number).isUp,
    start: async (number) => {
      const site = siteOf(number)
      const service = startProcess(folder, env)
      site.service = service
      const [, url = ''] = await service.waitFor(/Perennial listens on (http:\S+)/)
      site.isUp = true
      site.place.isUp(url)
    },
    kill,
    async killAll() {
      await Promise.all(sites.map((_, number) => kill(number)))
    },
  }
}
