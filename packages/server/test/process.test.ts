import { execFile } from 'node:child_process'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startLoopbackServer } from './kit/loopback-server.js'
import { makeFolder, startProcess, type ServiceProcess } from './kit/service-process.js'

let folder: ReturnType<typeof makeFolder>
let running: ServiceProcess[]
beforeEach(() => {
  folder = makeFolder()
  running = []
})
afterEach(async () => {
  for (const service of running) service.child.kill('SIGKILL')
  await Promise.all(running.map((service) => service.ended()))
  folder.remove()
})

function start(env: Record<string, string> = {}): ServiceProcess {
  const service = startProcess(folder.path, env)
  running.push(service)
  return service
}

async function ready(
  service: ServiceProcess,
): Promise<{ url: string; emulator: string; curl: string; refreshToken: string }> {
  const [, url = ''] = await service.waitFor(/Perennial listens on (http:\S+) \(session mode\)/)
  const [, emulator = ''] = await service.waitFor(/the emulator, (http:\S+)/)
  const [curl, refreshToken = ''] = await service.waitFor(/^curl .*"refreshToken":"([^"]+)".*$/m)
  return { url, emulator, curl, refreshToken }
}

const post = (url: string, body: unknown) =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })

async function memberReads(emulator: string): Promise<number> {
  const counts: Record<string, number> = await (await fetch(`${emulator}/_emulator/calls`)).json()
  return counts['GET /members/:idOrEmail'] ?? 0
}

describe('a start with nothing configured', () => {
  it('prints a curl command that works when pasted, twice, and returns a verified one-hour token', async () => {
    const service = start()
    const { url, curl } = await ready(service)
    for (let paste = 0; paste < 2; paste += 1) {
      const { stdout } = await promisify(execFile)('sh', ['-c', curl])
      const { accessToken } = JSON.parse(stdout)
      const me = await fetch(`${url}/v1/auth/me`, { headers: { authorization: `Bearer ${accessToken}` } })
      expect(me.status).toBe(200)
      expect(await me.json()).toMatchObject({ email: 'ada@example.com', roles: ['user', 'admin'] })
      const { iat, exp } = JSON.parse(Buffer.from(accessToken.split('.')[1], 'base64url').toString())
      expect(exp - iat).toBe(3600)
    }
  })

  it('keeps its files private, and never logs the token that it prints', async () => {
    const service = start()
    const { refreshToken } = await ready(service)
    // Where the system has permissions of files at all.
    expect(statSync(join(folder.path, 'data')).mode & 0o077).toBe(0)
    const logged = service
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'))
    expect(logged.join('\n')).toContain('"listening"')
    expect(logged.join('\n')).not.toContain(refreshToken)
  })

  it('keeps sessions over a restart', async () => {
    const first = start()
    const { refreshToken } = await ready(first)
    first.child.kill('SIGTERM')
    expect(await first.ended()).toBe(0)
    const { url } = await ready(start())
    expect((await post(`${url}/v1/auth/refresh-token`, { refreshToken })).status).toBe(200)
  })

  it('reads .env, and variables of the process take precedence', async () => {
    writeFileSync(join(folder.path, '.env'), 'HOST=256.1.1.1.1/\nACCESS_TOKEN_TTL_SECONDS=60\n')
    const { refreshToken, url } = await ready(start({ HOST: '127.0.0.1' }))
    const answer = await post(`${url}/v1/auth/refresh-token`, { refreshToken })
    const { accessToken }: { accessToken: string } = await answer.json()
    const { iat, exp } = JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString())
    expect(exp - iat).toBe(60)
  })

  it('reads the first line of a .env that begins with a byte order mark', async () => {
    writeFileSync(join(folder.path, '.env'), '\uFEFFACCESS_TOKEN_TTL_SECONDS=none\r\nHOST=127.0.0.1\r\n')
    const service = start()
    expect(await service.ended()).toBe(1)
    expect(service.output()).toMatch(/^ACCESS_TOKEN_TTL_SECONDS /)
  })

  it('names UTF-16 as the reason why it cannot read .env', async () => {
    writeFileSync(join(folder.path, '.env'), Buffer.from('\uFEFFNODE_ENV=production\r\n', 'utf16le'))
    const service = start()
    expect(await service.ended()).toBe(1)
    expect(service.output()).toBe('.env is in UTF-16; save it as UTF-8. No variable was read.\n')
  })

  it('names the line of .env that is in the form of YAML', async () => {
    writeFileSync(join(folder.path, '.env'), 'LOG_LEVEL=info\nNODE_ENV: production\n')
    const service = start()
    expect(await service.ended()).toBe(1)
    expect(service.output()).toBe(
      '.env has a colon after the name in line 2: write NAME=value. No variable was read.\n',
    )
  })

  it('prints the signing secret of webhooks, and never logs it', async () => {
    const service = start()
    const { url } = await ready(service)
    const [, secret = ''] = await service.waitFor(/its webhook secret {2}(whsec_\S+)/)
    const body = JSON.stringify({ event: 'member.updated', payload: { id: 'mem_ada' } })
    const at = new Date()
    const answer = await fetch(`${url}/v1/webhooks/memberstack`, {
      method: 'POST',
      body,
      headers: {
        'svix-id': 'msg_1',
        'svix-timestamp': String(Math.floor(at.getTime() / 1000)),
        'svix-signature': new Webhook(secret).sign('msg_1', at, body),
      },
    })
    expect(answer.status).toBe(204)
    expect(service.output().split(secret)).toHaveLength(2)
  })

  it('receives the webhooks of its emulator', async () => {
    const { url, emulator, refreshToken } = await ready(start())
    const answer = await post(`${url}/v1/auth/refresh-token`, { refreshToken })
    const { accessToken }: { accessToken: string } = await answer.json()
    const authorization = `Bearer ${accessToken}`
    const me = () => fetch(`${url}/v1/auth/me`, { headers: { authorization } })
    const { userId }: { userId: string } = await (await me()).json()
    const gone = await fetch(`${emulator}/members/${userId}`, {
      method: 'DELETE',
      headers: { 'x-api-key': 'sk_sb_emulator' },
    })
    expect(gone.status).toBe(200)
    await expect.poll(async () => (await me()).status, { timeout: 5000 }).toBe(401)
  })
})

describe('a start that fails', () => {
  const oneLine = async (env: Record<string, string>) => {
    const service = start(env)
    expect(await service.ended()).toBe(1)
    expect(service.output().trim().split('\n')).toHaveLength(1)
    return service.output()
  }

  it('says in one line for each which values are bad', async () => {
    expect(await oneLine({ PORT: 'http' })).toMatch(
      /^PORT is not a whole number. A good example: PORT=8787\n$/,
    )
    const production = start({ NODE_ENV: 'production' })
    expect(await production.ended()).toBe(1)
    expect(production.output()).toMatch(/^MEMBERSTACK_APP_ID is not set.*\nPERENNIAL_SECRET is not set.*\n$/)
    expect(await oneLine({ MEMBERSTACK_APP_ID: 'app_1' })).toMatch(/^MEMBERSTACK_SECRET_KEY is not set/)
  })

  it('never shows a value that may be a key', async () => {
    const hush = 'sk_live_hush!'
    expect(await oneLine({ PERENNIAL_SECRET: hush })).not.toContain('hush')
  })

  it('says in one line that its port is taken', async () => {
    const other = await startLoopbackServer()
    const { port } = other
    try {
      const line = await oneLine({ PORT: String(port), LOG_LEVEL: 'silent' })
      expect(line).toContain(`PORT is in use by another program (127.0.0.1, port ${port})`)
      expect(await oneLine({ EMULATOR_PORT: String(port), LOG_LEVEL: 'silent' })).toContain(
        'EMULATOR_PORT is in use',
      )
    } finally {
      await other.close()
    }
  })

  it('says in one line that its store cannot be opened', async () => {
    writeFileSync(join(folder.path, 'file'), '')
    expect(await oneLine({ STORE_URL: 'sqlite:./file/perennial.db' })).toMatch(/^STORE_URL names a file/)
    expect(await oneLine({ STORE_URL: 'sqlite:.' })).toMatch(
      /^STORE_URL names a folder, not a file. A good example: STORE_URL=/,
    )
    if (existsSync('/proc/self'))
      expect(await oneLine({ STORE_URL: 'sqlite:/proc/perennial/x.db' })).toMatch(
        /^STORE_URL names a file whose folder cannot be created \(ENOENT\)\. A good example: STORE_URL=/,
      )
  })
})

describe('a shutdown', () => {
  /** Holds the next answer back until the faults are cleared. */
  const holdMemberReads = (emulator: string) =>
    post(`${emulator}/_emulator/faults`, { route: 'GET /members/:idOrEmail', delayMs: 20_000, times: 1 })
  const isAway = (url: string) =>
    fetch(`${url}/healthz`).then(
      () => false,
      () => true,
    )

  it('lets a refresh under way finish, then exits with 0', async () => {
    const service = start()
    const { url, emulator, refreshToken } = await ready(service)
    await holdMemberReads(emulator)
    const before = await memberReads(emulator)
    const answer = post(`${url}/v1/auth/refresh-token`, { refreshToken })
    await expect.poll(() => memberReads(emulator), { interval: 10 }).toBeGreaterThan(before)
    service.child.kill('SIGTERM')
    await expect.poll(() => isAway(url), { interval: 10 }).toBe(true)
    await fetch(`${emulator}/_emulator/faults`, { method: 'DELETE' })
    expect((await answer).status).toBe(200)
    expect((await answer).headers.get('connection')).toBe('close')
    expect(await service.ended()).toBe(0)
  })

  it('does not wait for idle connections', async () => {
    const service = start()
    const { url } = await ready(service)
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    service.child.kill('SIGINT')
    expect(await service.ended()).toBe(0)
  })

  it('exits at once at the second signal', async () => {
    const service = start()
    const { url, emulator, refreshToken } = await ready(service)
    await holdMemberReads(emulator)
    const before = await memberReads(emulator)
    const lost = post(`${url}/v1/auth/refresh-token`, { refreshToken }).catch((error: unknown) => error)
    await expect.poll(() => memberReads(emulator), { interval: 10 }).toBeGreaterThan(before)
    service.child.kill('SIGTERM')
    await expect.poll(() => isAway(url), { interval: 10 }).toBe(true)
    service.child.kill('SIGTERM')
    expect(await service.ended()).toBe(1)
    await lost
  })
})
