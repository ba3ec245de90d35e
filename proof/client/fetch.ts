import { checkSent, checkToken } from './rules.ts'
import type { Reply, Scene, ServiceRequest, Tab, TimeoutSignal } from './scene.ts'
import { endSession, readJwt, refresh, signIn, tokensOf, use } from './service.ts'

export const serviceUrl = 'https://auth.example.com'

/** Sends what the client fetches. Requests to the service wait for their steps; the API of the page answers at once. */
export function createFetch(scene: Scene, tab: Tab): typeof fetch {
  return async (input, init) => {
    if (input instanceof Request) return callApi(scene, tab, input)
    const { refreshToken = '' }: { refreshToken?: string } = JSON.parse(
      typeof init?.body === 'string' ? init.body : '{}',
    )
    const route = `${init?.method} ${input instanceof URL ? input.href : input}`.replace(
      `${serviceUrl}/v1/auth/`,
      '',
    )
    if (route === 'POST refresh-token') checkSent(scene, tab, refreshToken)
    const work = workOf(scene, route, { refreshToken, bearer: bearerOf(new Headers(init?.headers)) })
    // The client passes the signal of this tab's `AbortSignal`.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const signal = init?.signal as unknown as TimeoutSignal
    return await send(scene, { tab, ...work, isAbandoned: false, reply: undefined }, signal)
  }
}

type Work = Pick<ServiceRequest, 'text' | 'presented' | 'serve'>

function send(
  scene: Scene,
  request: Omit<ServiceRequest, 'resolve' | 'reject'>,
  signal: TimeoutSignal,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const settled: ServiceRequest = {
      ...request,
      resolve: (reply) => {
        signal.cancel()
        resolve(toResponse(reply, scene.now))
      },
      reject: (error) => {
        signal.cancel()
        reject(error)
      },
    }
    scene.requests.push(settled)
    signal.onTimeout(() => {
      scene.truth.excuses++
      settled.isAbandoned = true
      if (settled.reply) scene.requests = scene.requests.filter((other) => other !== settled)
      reject(new DOMException('The service did not answer.', 'TimeoutError'))
    })
  })
}

/** Describes what the service does with a request. */
function workOf(
  scene: Scene,
  route: string,
  { refreshToken, bearer }: { readonly refreshToken: string; readonly bearer: string },
): Work {
  const text = `${route} ${refreshToken}`
  if (route === 'POST refresh-token')
    return { text, presented: refreshToken, serve: () => refresh(scene, refreshToken) }
  if (route === 'POST session') {
    const { id } = readJwt(bearer)
    return {
      text: `${route} of ${id}`,
      presented: undefined,
      serve: () => tokensOf(signIn(scene, id), scene.now),
    }
  }
  const serve = (): Reply => {
    endSession(scene, refreshToken.split('.')[0] ?? '')
    return { status: 204, body: {} }
  }
  return { text, presented: undefined, serve }
}

function bearerOf(headers: Headers): string {
  return headers.get('Authorization')?.slice('Bearer '.length) ?? ''
}

/** The address has the member that the page showed when the call began. */
function callApi(scene: Scene, tab: Tab, { headers, url }: Request): Response {
  const accessToken = bearerOf(headers)
  if (!accessToken) return toResponse({ status: 401, body: {} }, scene.now)
  checkToken(scene, tab, accessToken, new URL(url).searchParams.get('as'))
  return toResponse(use(scene, accessToken), scene.now)
}

/** Creates a response whose body can be read without a turn of the event loop. */
function toResponse({ status, body }: Reply, now: number): Response {
  const response = {
    ok: status < 300,
    status,
    headers: new Headers({ Date: new Date(now * 1000).toUTCString() }),
    json: async () => structuredClone(body),
    clone: () => response,
  }
  // The client reads no more of it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return response as unknown as Response
}
