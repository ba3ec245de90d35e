import type { OpenApiDocument } from '../openapi/index.js'

const methods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS'])

/** Returns the method of a request as a label: a word from a fixed list. */
export function methodLabel(method: string): string {
  return methods.has(method) ? method : 'other'
}

/**
 * Creates a function that returns the route of a URL as a label: a path of the description, with `:id` for its parameters,
 * or `other`. Adapters answer all of `/v1/auth` by one wildcard route, so the framework does not know more.
 */
export function createRouteLabel(description: OpenApiDocument): (url: string) => string {
  const routes = [...Object.keys(description.paths), '/metrics', '/docs', '/'].map((path) => {
    const label = path.replaceAll(/\{(\w+)\}/g, ':$1')
    const pattern = new RegExp(`^${label.replaceAll('.', '\\.').replaceAll(/:\w+/g, '[^/]+')}/?$`)
    return { label, pattern, isExact: !label.includes(':') }
  })
  const exact = new Set(routes.filter(({ isExact }) => isExact).map(({ label }) => label))
  return (url) => {
    const [path = ''] = url.split('?', 1)
    if (exact.has(path)) return path
    return routes.find(({ pattern }) => pattern.test(path))?.label ?? 'other'
  }
}
