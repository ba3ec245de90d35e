/** The environment variables of a process, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Names that Kubernetes sets in every container for a Service in the same namespace. */
const serviceLinkName = /_(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_\d+_.+)?)$/

/** The value that Kubernetes gives to `<SERVICE>_PORT`. */
const serviceLinkValue = /^(tcp|udp|sctp):\/\/[\d.:a-f[\]]+$/i

/** Returns true for a name that Kubernetes may have set. */
export function isServiceLinkName(name: string): boolean {
  return serviceLinkName.test(name)
}

/** Returns true if Kubernetes has set this variable, as `EMULATOR_PORT` for a Service called `emulator`. */
export function isServiceLink(name: string, env: Environment): boolean {
  return isServiceLinkName(name) && serviceLinkValue.test(env[name]?.trim() ?? '')
}
