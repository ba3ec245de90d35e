import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import memberstackAdmin from '@memberstack/admin'
import { describe, expect, it, onTestFinished } from 'vitest'
import { startEmulator } from '../src/index.js'
import { call } from './call.js'

describe('startEmulator', () => {
  it('starts with the members and plans of its seed', async () => {
    const emulator = await startEmulator({
      seed: {
        members: [
          { id: 'mem_one', email: 'one@example.com', permissions: ['user'], plans: ['pln_pro'] },
          { email: 'two@example.com', password: 'second-password' },
        ],
        plans: [
          { id: 'pln_free', name: 'Free' },
          { id: 'pln_pro', price: 'paid' },
        ],
      },
    })
    const memberstack = memberstackAdmin.init(emulator.secretKey, { baseUrl: emulator.adminUrl })
    const page = await memberstack.members.list()
    expect(page.data.map(({ auth }) => auth.email)).toEqual(['one@example.com', 'two@example.com'])
    expect(emulator.findMember('mem_one')?.planConnections).toMatchObject([
      { planId: 'pln_pro', type: 'SUBSCRIPTION' },
    ])
    const add = (planId: string): Promise<unknown> =>
      memberstack.members.addFreePlan({ id: 'mem_one', data: { planId } })
    await expect(add('pln_pro')).rejects.toMatchObject({ code: 'plan-not-free' })
    await expect(add('pln_unknown')).rejects.toMatchObject({ code: 'plan-not-found' })
    await expect(add('pln_free')).resolves.toBe('OK')
    await emulator.close()
  })

  it.each([
    [{ port: 70_000 }, /port/],
    [{ port: 1.5 }, /port/],
    [{ host: '0.0.0.0' }, /host 0\.0\.0\.0.*allowRemote/],
    [{ switches: { sessionSeconds: 0 } }, /sessionSeconds/],
    [{ webhookUrl: 'nowhere' }, /webhook URL/],
    [{ webhookSecret: 'whsec_short' }, /webhook secret/],
    [{ webhookRetrySeconds: [-1] }, /webhookRetrySeconds/],
    [{ webhookTimeoutSeconds: 0 }, /webhookTimeoutSeconds/],
    [{ adminRequestsPerSecond: 0 }, /adminRequestsPerSecond/],
  ])('refuses %j with a TypeError that names it', async (options, message) => {
    const failure = await startEmulator(options).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(TypeError)
    expect(String(failure)).toMatch(message)
  })

  it('can be closed twice, and while an answer is held back', async () => {
    const emulator = await startEmulator()
    emulator.setFault({ route: 'GET /jwks.json', status: 200, delayMs: 600_000 })
    const held = call('GET', emulator.jwksUri).catch(() => null)
    await expect.poll(() => emulator.calls()['GET /jwks.json']).toBe(1)
    await emulator.close()
    await emulator.close()
    await held
    await expect(fetch(emulator.jwksUri)).rejects.toThrow('fetch failed')
  })

  it('runs side by side with another, each with keys and members of its own', async () => {
    const [one, two] = await Promise.all([startEmulator(), startEmulator()])
    one.deleteMember('mem_ada')
    expect(two.findMember('mem_ada')).not.toBeNull()
    const { accessToken } = await two.issueTokens()
    const answer = await call('POST', `${one.adminUrl}/members/verify-token`, {
      body: { token: accessToken },
      headers: { 'x-api-key': one.secretKey },
    })
    expect(answer.status).toBe(400)
    await Promise.all([one.close(), two.close()])
  })
})

describe('perennial-emulator, the command', () => {
  const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))

  function run(...args: string[]) {
    const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    onTestFinished(() => void child.kill('SIGKILL'))
    const output = { out: '', err: '' }
    child.stdout.on('data', (chunk: Buffer) => (output.out += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (output.err += chunk.toString()))
    return { child, output, ended: once(child, 'close') }
  }

  it('prints what an app must be told, answers there, and stops at SIGTERM', async () => {
    const { child, output, ended } = run('--port', '0')
    await expect.poll(() => output.out, { timeout: 25_000 }).toContain('Ctrl-C')
    const told = ['sk_sb_emulator', 'pk_sb_emulator', 'app_emulator', 'whsec_']
    for (const line of [...told, 'ada@example.com / perennial-demo', 'bob@example.com / perennial-demo']) {
      expect(output.out).toContain(line)
    }
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(output.out)?.[0]
    expect((await call('POST', `${url}/_emulator/tokens`)).status).toBe(200)
    child.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
    expect(output.err).toBe('')
  })

  it('ends with one line about a bad argument, an address for other machines, and a port in use', async () => {
    const bad = run('--prot', '1')
    expect(await bad.ended).toEqual([2, null])
    expect(bad.output).toEqual({ out: '', err: "perennial-emulator: Unknown option '--prot' (see --help)\n" })

    const remote = run('--host', '0.0.0.0')
    expect(await remote.ended).toEqual([2, null])
    expect(remote.output).toEqual({
      out: '',
      err: 'perennial-emulator: host 0.0.0.0 can be reached by other machines, and the keys of the emulator are public: listen there only with allowRemote (--allow-remote) (see --help)\n',
    })

    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const address = holder.address()
    const port = address !== null && typeof address === 'object' ? address.port : 0
    const taken = run('--port', String(port))
    expect(await taken.ended).toEqual([1, null])
    expect(taken.output.err).toBe(`perennial-emulator: port ${port} is in use; choose another with --port\n`)
    holder.close()
  })
})
