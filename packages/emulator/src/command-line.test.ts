import { describe, expect, it } from 'vitest'
import { parseCommandLine } from './command-line.js'

const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`

describe('the command line', () => {
  it('listens on 8788 and sends no webhooks unless told otherwise', () => {
    expect(parseCommandLine([])).toEqual({ kind: 'start', options: { port: 8788 } })
  })

  it('takes a port, a webhook URL and a webhook secret', () => {
    const args = ['--port', '0', '--webhook-url', 'http://127.0.0.1:8787/hook', '--webhook-secret', secret]
    expect(parseCommandLine(args)).toEqual({
      kind: 'start',
      options: { port: 0, webhookUrl: 'http://127.0.0.1:8787/hook', webhookSecret: secret },
    })
  })

  it('takes an address of this machine, and any other only with --allow-remote', () => {
    expect(parseCommandLine(['--host', '127.0.0.2'])).toMatchObject({ options: { host: '127.0.0.2' } })
    expect(parseCommandLine(['--host', '0.0.0.0', '--allow-remote'])).toMatchObject({
      kind: 'start',
      options: { host: '0.0.0.0', allowRemote: true },
    })
  })

  it.each([
    [['--port', 'http'], /--port must be a whole number/],
    [['--port', '65536'], /port must be a whole number/],
    [['--port', '-1'], /port/],
    [['--port'], /port/],
    [['--webhook-url', 'ftp://127.0.0.1'], /http or https URL/],
    [['--webhook-url', 'http://user:pw@127.0.0.1'], /http or https URL/],
    [['--webhook-secret', 'whsec_short'], /24 to 64 bytes/],
    [['--host', '0.0.0.0'], /host 0\.0\.0\.0 can be reached by other machines.*--allow-remote/],
    [['--host', 'example.com', '--allow-remote'], /host must be localhost or an IP address/],
    [['--prot', '1'], /--prot/],
    [['8788'], /8788/],
  ])('says in one line what is wrong with %j', (args, message) => {
    const read = parseCommandLine(args)
    expect(read).toEqual({ kind: 'wrong', message: expect.stringMatching(message) })
    expect(JSON.stringify(read)).not.toContain('\\n')
  })

  it('keeps a bad secret out of what it prints', () => {
    expect(JSON.stringify(parseCommandLine(['--webhook-secret', 'whsec_canary']))).not.toContain('canary')
  })
})
