/** A JavaScript runtime. */
export type Runtime = 'node' | 'deno' | 'bun' | 'workerd' | 'other'

/** Returns the runtime of this process. Deno, Bun and workerd also claim to be Node. */
export function readRuntime(): Runtime {
  if ('Deno' in globalThis) return 'deno'
  if ('Bun' in globalThis) return 'bun'
  if (typeof navigator === 'object' && navigator.userAgent === 'Cloudflare-Workers') return 'workerd'
  return typeof process === 'object' && process.versions?.node ? 'node' : 'other'
}

/** Variables by which platforms say that the process is a function: Vercel, AWS Lambda, Netlify, and Deno Deploy (and Supabase). */
const functionVariables = ['VERCEL', 'AWS_LAMBDA_FUNCTION_NAME', 'NETLIFY', 'DENO_DEPLOYMENT_ID']

/** Returns true if the platform says that this process is a function, which may be frozen as soon as it has answered. */
export function isFunction(
  variables: Readonly<Record<string, string | undefined>>,
  runtime: Runtime = readRuntime(),
): boolean {
  return runtime === 'workerd' || functionVariables.some((name) => Boolean(variables[name]))
}
