import { describe, expect, it } from 'vitest'
import { AuthError } from '../base/errors.js'
import { json } from './auth-response.js'
import { findRoute, type Route } from './endpoints.js'

const route = (method: Route['method'], path: string): Route => ({
  method,
  path,
  answer: async () => json(200, {}),
})
const routes = [
  route('GET', '/sessions'),
  route('DELETE', '/sessions'),
  route('DELETE', '/sessions/:id'),
  route('POST', '/session'),
]
const find = (method: string, path: string) => {
  try {
    const { route, parameter } = findRoute(routes, method, path)
    return [route.method, route.path, parameter]
  } catch (error) {
    if (!(error instanceof AuthError)) throw error
    return [error.code, error.headers['allow']]
  }
}

describe('findRoute', () => {
  it('goes by path and method, to the letter', () => {
    expect(find('GET', '/sessions')).toEqual(['GET', '/sessions', ''])
    expect(find('DELETE', '/sessions')).toEqual(['DELETE', '/sessions', ''])
    expect(find('DELETE', '/sessions/abc')).toEqual(['DELETE', '/sessions/:id', 'abc'])
    expect(find('DELETE', '/sessions/:id')).toEqual(['DELETE', '/sessions/:id', ':id'])
  })

  it('is AUTH_NOT_FOUND where no route lies, whatever the method', () => {
    for (const path of ['', '/', '/session/', '/sessions/', '/sessions/a/b', '/Sessions', '//session', '/x'])
      for (const method of ['GET', 'POST', 'BREW'])
        expect(find(method, path), path).toEqual(['AUTH_NOT_FOUND', undefined])
  })

  it('is AUTH_METHOD_NOT_ALLOWED with all that are, where a route lies', () => {
    const refused = 'AUTH_METHOD_NOT_ALLOWED'
    for (const method of ['PUT', 'HEAD', 'OPTIONS', 'get', ''])
      expect(find(method, '/sessions')).toEqual([refused, 'GET, DELETE'])
    expect(find('GET', '/sessions/abc')).toEqual([refused, 'DELETE'])
    expect(find('DELETE', '/session')).toEqual([refused, 'POST'])
  })
})
