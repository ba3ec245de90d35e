import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { request as send, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { makeCertificates } from '../../../auth/test/kit/tls-certificates.js'

/** A request that passed the front, and the status of its answer. */
export interface PassedRequest {
  readonly route: string
  readonly headers: IncomingMessage['headers']
  readonly status: number
}

/** A proxy that speaks https in front of a service, as `https://localhost:…`. `/blank` is a page of its own. */
export interface HttpsFront {
  readonly url: string
  /** The SHA-256 of the certificate's public key, base64, for `--ignore-certificate-errors-spki-list`. */
  readonly keyHash: string
  readonly passed: readonly PassedRequest[]
  /** Holds the next answer with this status to a route. */
  hold(route: string, status: number): HeldAnswer
  close(): Promise<void>
}

/** An answer that the service has given, and the browser has not got yet. */
export interface HeldAnswer {
  /** Resolves when the service has given it. */
  readonly given: Promise<void>
  /** Lets it go on to the browser. */
  release(): void
}

/** Starts it before the service at this address, with a certificate in this folder. */
export async function startHttpsFront(serviceUrl: string, folder: string): Promise<HttpsFront> {
  const { certFile, keyFile } = makeCertificates(folder, ['DNS:localhost'])
  const cert = readFileSync(certFile)
  const passed: PassedRequest[] = []
  const holds: { readonly of: string; readonly keep: (go: () => void) => void }[] = []
  const whenFree = (of: string, go: () => void) => {
    const at = holds.findIndex((hold) => hold.of === of)
    const [hold] = at < 0 ? [] : holds.splice(at, 1)
    if (hold) hold.keep(go)
    else go()
  }
  const pass = (request: IncomingMessage, response: ServerResponse): void => {
    const { method = '', url = '', headers } = request
    if (url === '/blank')
      return void response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>')
    const onward = send(new URL(url, serviceUrl), { method, headers }, (answer) => {
      const { statusCode: status = 0 } = answer
      passed.push({ route: `${method} ${url}`, headers, status })
      whenFree(`${method} ${url} ${status}`, () => {
        response.writeHead(status, answer.headers)
        answer.pipe(response)
      })
    })
    onward.on('error', () => response.destroy())
    request.pipe(onward)
  }
  const server = createServer({ cert, key: readFileSync(keyFile) }, pass)
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  const { port }: Pick<AddressInfo, 'port'> = Object(server.address())
  const publicKey = new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' })
  return {
    url: `https://localhost:${port}`,
    keyHash: createHash('sha256').update(publicKey).digest('base64'),
    passed,
    hold(route, status) {
      let pass = () => {}
      const given = new Promise<void>((resolve) => {
        const keep = (go: () => void) => {
          pass = go
          resolve()
        }
        holds.push({ of: `${route} ${status}`, keep })
      })
      return { given, release: () => pass() }
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
