import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Answer, Request } from '../kit/http.ts'
import { cpuSecondsOfProcess, memoryBytesOfProcess } from '../kit/machine.ts'
import { createPool, type Pool } from './pool.ts'

/** The events of all instances that the checks are about. */
export interface FleetEvents {
  thefts: number
  /** Exits that were not asked for, and graceful stops with another code than 0. */
  readonly badExits: string[]
}

/** Two instances behind a load balancer. The second one is restarted. */
export interface Fleet {
  readonly events: FleetEvents
  /**
   * Sends a request to one of the instances that run, in turn.
   * @throws Error if the instance goes away before it has answered
   */
  readonly send: (request: Request) => Promise<Answer>
  /** Ends the second instance by this signal and starts it again. */
  restart(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>
  /** The CPU seconds of all instances, those that have ended included. */
  cpuSeconds(): number
  /** The resident memory of the first instance, which keeps running. */
  memoryBytes(): number
  stop(): Promise<void>
}

interface Running {
  readonly child: ChildProcess
  readonly pool: Pool
  readonly ended: Promise<string>
  cpuSeconds: number
}

const program = fileURLToPath(new URL('instance.ts', import.meta.url))

/** The settings of both instances. */
export interface FleetSettings {
  /** Variables of the service. */
  readonly variables: Readonly<Record<string, string>>
  readonly verifiedTokensKept: number
}

/** Starts both. */
export async function startFleet(settings: FleetSettings): Promise<Fleet> {
  const events: FleetEvents = { thefts: 0, badExits: [] }
  const start = () => startInstance(settings, events)
  const [steady, other] = await Promise.all([start(), start()])
  let restarted: Running | null = other
  let starting = Promise.resolve(other)
  let endedCpuSeconds = 0
  let turn = 0
  const measure = () => {
    for (const one of [steady, restarted]) if (one) one.cpuSeconds = cpuOf(one)
  }
  // What an instance has used since the last measurement is lost when it is killed.
  const timer = setInterval(measure, 250)
  return {
    events,
    send(request) {
      turn = 1 - turn
      const { pool } = turn === 1 && restarted ? restarted : steady
      return pool.send(request)
    },
    async restart(signal) {
      const leaving = restarted
      if (!leaving) return
      await endInstance(leaving, signal, events)
      restarted = null
      endedCpuSeconds += leaving.cpuSeconds
      starting = start()
      restarted = await starting
    },
    cpuSeconds() {
      measure()
      return endedCpuSeconds + steady.cpuSeconds + (restarted?.cpuSeconds ?? 0)
    },
    memoryBytes: () => memoryBytesOfProcess(steady.child.pid),
    async stop() {
      clearInterval(timer)
      await Promise.all([steady, await starting].map((one) => endInstance(one, 'SIGTERM', events)))
    },
  }
}

async function startInstance(
  { variables, verifiedTokensKept }: FleetSettings,
  events: FleetEvents,
): Promise<Running> {
  const child = spawn(process.execPath, [...process.execArgv, program, String(verifiedTokensKept)], {
    env: { PATH: process.env['PATH'], NODE_ENV: 'production', PORT: '0', ...variables },
    // It ends when its standard input does, so that none is left behind.
    stdio: ['pipe', 'pipe', 'inherit'],
    // The system schedules it as a service of its own, not as a part of the program that sends the load.
    detached: true,
  })
  const ended = once(child, 'exit').then(([code, signal]) => String(signal ?? code))
  const url = new Promise<string>((resolve, reject) => {
    void ended.then((exit) => reject(new Error(`an instance ended with ${exit} before it listened`)))
    createInterface(child.stdout).on('line', (text) => {
      const line = readLine(text)
      if (line.url !== undefined) resolve(line.url)
      else if (line.msg === 'session_reuse_detected') events.thefts += 1
    })
  })
  return { child, pool: createPool(Number(new URL(await url).port)), ended, cpuSeconds: 0 }
}

async function endInstance(
  one: Running,
  signal: 'SIGKILL' | 'SIGTERM',
  { badExits }: FleetEvents,
): Promise<void> {
  one.child.kill(signal)
  const exit = await one.ended
  if (exit !== (signal === 'SIGTERM' ? '0' : 'SIGKILL')) badExits.push(`${signal}: ${exit}`)
  one.pool.close()
}

interface LogLine {
  readonly url?: string
  readonly msg?: string
}

/** Reads a line of the log. The last one of an instance that is killed may be cut. */
function readLine(text: string): LogLine {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}

/** Returns the last known CPU time of an instance that has just ended. */
function cpuOf({ child, cpuSeconds }: Running): number {
  if (child.exitCode !== null || child.signalCode !== null) return cpuSeconds
  try {
    return cpuSecondsOfProcess(child.pid)
  } catch {
    return cpuSeconds
  }
}
