import { failure } from '../base/failures.js'
import type { AuthRequest, AuthResponse } from './auth-request.js'

/** One route below `/v1/auth`. `parameter` is the last segment of a path that ends in `/:id`. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  answer(request: AuthRequest, parameter: string): Promise<AuthResponse>
}

/**
 * Finds the route of a request.
 * @throws {@link AuthError} `AUTH_NOT_FOUND`; `AUTH_METHOD_NOT_ALLOWED` with `Allow`
 */
export function findRoute(
  routes: readonly Route[],
  method: string,
  path: string,
): { route: Route; parameter: string } {
  const matches = routes.flatMap((route) => {
    const parameter = match(route.path, path)
    return parameter === null ? [] : [{ route, parameter }]
  })
  if (matches.length === 0) throw failure('notFound')
  const found = matches.find(({ route }) => route.method === method)
  if (found) return found
  const allow = matches.map(({ route }) => route.method).join(', ')
  throw failure('methodNotAllowed', { headers: { allow }, detail: `it supports ${allow}` })
}

function match(pattern: string, path: string): string | null {
  if (!pattern.endsWith('/:id')) return path === pattern ? '' : null
  const stem = pattern.slice(0, -':id'.length)
  const rest = path.startsWith(stem) ? path.slice(stem.length) : ''
  return rest === '' || rest.includes('/') ? null : rest
}
