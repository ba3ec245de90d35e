import process from 'node:process'
import { createPerennial, type Perennial } from '@perennial/auth'
import { authenticate, createFetchHandler } from '@perennial/auth/fetch'

/** An event of an HTTP API of API Gateway or of a function URL: payload format 2.0. */
interface HttpEvent {
  readonly rawPath: string
  readonly rawQueryString: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly cookies?: readonly string[]
  readonly body?: string
  readonly isBase64Encoded: boolean
  readonly requestContext: {
    readonly domainName: string
    readonly http: { readonly method: string; readonly sourceIp: string }
  }
}

interface HttpResult {
  readonly statusCode: number
  readonly headers: Record<string, string>
  readonly cookies: string[]
  readonly body: string
}

// Lambda freezes the process after each answer. Perennial knows it by AWS_LAMBDA_FUNCTION_NAME and leaves nothing undone.
let opened: Promise<Perennial> | undefined

function open({ env }: typeof process): Promise<Perennial> {
  opened ??= createPerennial({
    store: env['STORE_URL'] ?? '',
    secret: env['PERENNIAL_SECRET'],
    memberstack: {
      appId: env['MEMBERSTACK_APP_ID'] ?? '',
      secretKey: env['MEMBERSTACK_SECRET_KEY'],
      adminUrl: env['MEMBERSTACK_ADMIN_URL'],
      issuer: env['MEMBERSTACK_ISSUER'],
    },
  }).catch((error: unknown) => {
    opened = undefined
    throw error
  })
  return opened
}

export async function handler(event: HttpEvent): Promise<HttpResult> {
  const perennial = await open(process)
  const request = toRequest(event)
  if (event.rawPath.startsWith('/v1/auth/')) {
    const clientAddress = () => event.requestContext.http.sourceIp
    return await toResult(await createFetchHandler(perennial, { clientAddress })(request))
  }
  const member = await authenticate(perennial, request)
  return await toResult(member instanceof Response ? member : Response.json({ hello: member.user.email }))
}

function toRequest({
  rawPath,
  rawQueryString,
  headers,
  cookies,
  body,
  isBase64Encoded,
  requestContext,
}: HttpEvent) {
  const { domainName, http } = requestContext
  const url = `https://${domainName}${rawPath}${rawQueryString ? `?${rawQueryString}` : ''}`
  const given = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, value]],
  )
  const cookie: [string, string][] = cookies ? [['cookie', cookies.join('; ')]] : []
  return new Request(url, {
    method: http.method,
    headers: [...given.filter(([name]) => name !== 'cookie'), ...cookie],
    ...(body ? { body: isBase64Encoded ? Buffer.from(body, 'base64') : body } : {}),
  })
}

async function toResult(answer: Response): Promise<HttpResult> {
  const { 'set-cookie': _, ...headers } = Object.fromEntries(answer.headers)
  return {
    statusCode: answer.status,
    headers,
    cookies: answer.headers.getSetCookie(),
    body: await answer.text(),
  }
}
