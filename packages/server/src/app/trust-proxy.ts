/** Whether the proxy at this place, counted from us, may be believed about whom it speaks for. */
export type TrustProxy = false | string[] | ((address: string, hop: number) => boolean)

/** Fastify's own reading of a number trusts nobody; ours is what operators mean by it. */
export function trustProxyOf(setting: number | readonly string[]): TrustProxy {
  if (typeof setting !== 'number') return [...setting]
  return setting === 0 ? false : (_address, hop) => hop < setting
}
