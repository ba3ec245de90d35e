import { createTroubleWatch, type TroubleWatch } from '@perennial/auth/telemetry'
import type { Logger } from 'pino'
import type { DeliveryReports, DeliverySink } from './delivery.js'

/** Logs the trouble of the receivers of telemetry: once for each cause, and once when it is over. */
export interface DeliveryLog extends DeliveryReports {
  /** A sink has thrown, which is a fault of the program. */
  readonly onThrown: () => void
}

/** Options of {@link createDeliveryLog}. */
export interface DeliveryLogOptions {
  readonly logger: Logger
  readonly clock: () => number
  /** Returns true at the exit: what is dropped then was not delivered. */
  readonly isAbandoned: () => boolean
  /** Called for every failure. */
  readonly count: (sink: DeliverySink | 'sink') => void
  /** The hosts of the receivers, for the log. */
  readonly hosts: Readonly<Record<DeliverySink, string | undefined>>
}

/** Creates a {@link DeliveryLog}. */
export function createDeliveryLog(options: DeliveryLogOptions): DeliveryLog {
  const { logger, clock, count, hosts, isAbandoned } = options
  const watches = new Map<DeliverySink | 'sink', TroubleWatch>()
  const watchOf = (sink: DeliverySink | 'sink'): TroubleWatch => {
    const known = watches.get(sink)
    if (known) return known
    const place = { sink, ...(sink === 'sink' ? {} : { host: hosts[sink] }) }
    const made = createTroubleWatch(clock, {
      begun: (detail) => logger.warn({ ...place, detail }, 'telemetry_not_delivered'),
      over: (trouble) => logger.info({ ...place, ...trouble }, 'telemetry_delivered'),
    })
    watches.set(sink, made)
    return made
  }
  const fail = (sink: DeliverySink | 'sink', detail: string) => {
    count(sink)
    watchOf(sink).failed(detail)
  }
  return {
    onFailure: fail,
    onDelivered: (sink) => {
      if (!isAbandoned()) watchOf(sink).succeeded()
    },
    onThrown: () => fail('sink', 'threw'),
  }
}
