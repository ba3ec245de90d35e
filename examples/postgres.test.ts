import { execFile } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { readConfig, startService, type Service } from '@perennial/server'
import * as oauth from 'oauth4webapi'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../packages/auth/test/kit/redis.js'

const bin = '/usr/lib/postgresql/15/bin'
const insecure = { [oauth.allowInsecureRequests]: true }
const fileOf = (name: string) => fileURLToPath(new URL(`postgres/${name}`, import.meta.url))

/** Returns true if the tests can run. @throws Error in CI if they cannot */
function hasPostgres(): boolean {
  if (existsSync(`${bin}/initdb`)) return true
  const line = 'No tests of row security: install PostgreSQL with: apt-get install -y postgresql'
  if (process.env['CI']) throw new Error(line)
  process.stderr.write(`\n*** ${line} ***\n\n`)
  return false
}

/** PostgreSQL refuses to run as root. */
const asUser = (command: string, ...args: string[]): [string, string[]] =>
  userInfo().uid === 0 ? ['runuser', ['-u', 'postgres', '--', command, ...args]] : [command, args]

describe.runIf(hasPostgres())('row security in PostgreSQL by the claims of an access token', () => {
  let folder: string
  let isRunning = false
  let service: Service | undefined
  let server: oauth.AuthorizationServer
  let connection: string[]

  /** Starts or stops the database, and waits until that is done. */
  const control = (verb: string, ...args: string[]) =>
    promisify(execFile)(...asUser(`${bin}/pg_ctl`, '-D', join(folder, 'data'), '-w', verb, ...args))

  /** Runs psql and returns its output. @throws Error with PostgreSQL's message */
  const psql = async (user: string, ...args: string[]): Promise<string> => {
    const options = ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', ...connection, '-U', user]
    const { stdout } = await promisify(execFile)(`${bin}/psql`, [...options, ...args])
    return stdout.trim()
  }

  /** Verifies an access token as an API would, then asks the database as its member. */
  const ask = async (accessToken: string, query: string): Promise<string> => {
    const headers = { authorization: `Bearer ${accessToken}` }
    const request = new Request('https://api.example.com/projects', { headers })
    const claims = await oauth.validateJwtAccessToken(server, request, 'app_emulator', insecure)
    const role = typeof claims['role'] === 'string' ? claims['role'] : 'anon'
    const variables = { claims: JSON.stringify(claims), role, query }
    const set = Object.entries(variables).flatMap(([name, value]) => ['-v', `${name}=${value}`])
    return psql('authenticator', ...set, '-f', fileOf('as-member.sql'))
  }

  const signIn = async (memberId: string): Promise<string> => {
    const jwt = await service?.emulator?.issueTokens({ memberId })
    const headers = { authorization: `Bearer ${jwt?.accessToken}` }
    const answer = await fetch(`${service?.url}/v1/auth/session`, { method: 'POST', headers })
    expect(answer.status).toBe(201)
    return (await answer.json()).accessToken
  }

  const startIssuer = async (claims?: string) => {
    await service?.close()
    const port = await freePort()
    const issuer = `http://127.0.0.1:${port}`
    const env = {
      PORT: String(port),
      EMULATOR_PORT: '0',
      STORE_URL: 'memory:',
      LOG_LEVEL: 'silent',
      PERENNIAL_ISSUER: issuer,
      ...(claims && { ACCESS_TOKEN_CLAIMS: claims }),
    }
    service = await startService(readConfig(env, { readTextFile: () => '' }))
    const found = await oauth.discoveryRequest(new URL(issuer), { algorithm: 'oidc', ...insecure })
    server = await found.json()
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'perennial-postgres-'))
    chmodSync(folder, 0o777)
    await promisify(execFile)(
      ...asUser(`${bin}/initdb`, '-D', join(folder, 'data'), '-U', 'postgres', '-A', 'trust', '--no-sync'),
    )
    const port = await freePort()
    connection = ['-h', '127.0.0.1', '-p', String(port), '-d', 'postgres']
    await control('start', '-o', `-p ${port} -k ${folder} -h 127.0.0.1 -F`, '-l', join(folder, 'log'))
    isRunning = true
    await psql('postgres', '-f', fileOf('row-security.sql'))
    await startIssuer('{"role":"authenticated"}')
  }, 60_000)
  afterAll(async () => {
    await service?.close()
    if (isRunning) await control('stop', '-m', 'immediate')
    rmSync(folder, { recursive: true, force: true })
  })

  it('lets each member reach the own rows alone, and an admin read all', async () => {
    const [ada, bob] = [await signIn('mem_ada'), await signIn('mem_bob')]
    await ask(ada, "insert into projects (name) values ('Analytical engine')")
    await ask(bob, "insert into projects (name) values ('Difference engine')")
    expect(await ask(bob, 'select owner, name from projects')).toBe('mem_bob|Difference engine')
    // Ada has the permission "admin" in Memberstack.
    expect(await ask(ada, 'select owner from projects order by id')).toBe('mem_ada\nmem_bob')
    expect(await ask(bob, "update projects set name = 'x' where owner = 'mem_ada' returning id")).toBe('')
    await expect(ask(bob, "insert into projects (owner, name) values ('mem_ada', 'x')")).rejects.toThrow(
      'row-level security',
    )
  })

  it('leaves nothing of a member on the connection, and shows nothing to the API by itself', async () => {
    await expect(psql('authenticator', '-c', 'select * from projects')).rejects.toThrow('permission denied')
  })

  it('lets a token without the role see nothing, and refuses a changed one before the database', async () => {
    const good = await signIn('mem_ada')
    const [header, payload, signature = ''] = good.split('.')
    const forged = `${header}.${payload}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
    await expect(ask(forged, 'select 1')).rejects.toThrow('signature')
    await startIssuer()
    await expect(ask(await signIn('mem_ada'), 'select * from projects')).rejects.toThrow('permission denied')
  })
})
