/** The reason why the service did not start: one line for people with the problem and what to do. Never holds a key. */
export class StartFailure extends Error {
  override readonly name = 'StartFailure'
}

/** Wraps any error of the start into one line. */
export function toStartFailure(error: unknown): StartFailure {
  if (error instanceof StartFailure) return error
  const message = error instanceof Error ? error.message : String(error)
  return new StartFailure(`Perennial could not start: ${message.replaceAll(/\s+/g, ' ')}`, { cause: error })
}

/** Names the variable behind an address that cannot be listened on. */
export function listenFailure(
  error: unknown,
  place: { readonly variable: 'PORT' | 'EMULATOR_PORT'; readonly host: string; readonly port: number },
): StartFailure {
  const { variable, host, port } = place
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const reason = listenReasons[code]
  if (reason === undefined) return toStartFailure(error)
  const isHost = reason === notOurs
  const name = isHost ? 'HOST' : variable
  const example = isHost ? 'HOST=127.0.0.1' : `${variable}=${port < 65_000 ? port + 10 : 8787}`
  return new StartFailure(`${name} ${reason} (${host}, port ${port}). A good example: ${example}`, {
    cause: error,
  })
}

const notOurs = 'is not an address of this machine'
const listenReasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another program',
  EACCES: 'needs more privileges than this process has',
  EADDRNOTAVAIL: notOurs,
  ENOTFOUND: notOurs,
  EAI_AGAIN: notOurs,
}
