import { describe, expect, it } from 'vitest'
import { parsePostgresAddress, postgresAddressProblem } from './address.js'

describe('parsePostgresAddress', () => {
  it('reads user, password, host, port and database', () => {
    expect(parsePostgresAddress('postgres://ada:p%40ss%20word@db.example.com:6543/app')).toEqual({
      host: 'db.example.com',
      port: 6543,
      user: 'ada',
      password: 'p@ss word',
      database: 'app',
      tls: 'off',
      application_name: 'perennial',
      connections: undefined,
    })
  })

  it('has the usual port, and leaves out what is not named', () => {
    const address = parsePostgresAddress('postgresql://[::1]')
    expect(address).toMatchObject({ host: '::1', port: 5432, tls: 'off' })
    expect(address).toMatchObject({ user: undefined, password: undefined, database: undefined })
  })

  it.each([
    ['disable', 'off'],
    ['require', 'verified'],
    ['verify-ca', 'verified'],
    ['verify-full', 'verified'],
    ['no-verify', 'unverified'],
  ])('takes sslmode=%s as TLS %s', (mode, tls) => {
    expect(parsePostgresAddress(`postgres://db/app?sslmode=${mode}`).tls).toBe(tls)
  })

  it('takes the addresses of providers, a Unix socket and a number of connections', () => {
    const neon = 'postgresql://u:p@ep-x-pooler.aws.neon.tech/db?sslmode=require&channel_binding=require'
    expect(parsePostgresAddress(neon)).toMatchObject({ tls: 'verified', database: 'db' })
    expect(parsePostgresAddress('postgres://u:p@pooler.supabase.com:6543/postgres?pgbouncer=true').port).toBe(
      6543,
    )
    expect(parsePostgresAddress('postgres:///app?host=/run/postgresql')).toMatchObject({
      host: '/run/postgresql',
    })
    expect(parsePostgresAddress('postgres://db?max=3').connections).toBe(3)
  })

  it.each([
    ['postgres://', 'names no host'],
    ['postgres:///app', 'names no host'],
    ['postgres://db:0/app', 'names no port'],
    ['postgres://db:port', 'is not a URL'],
    ['postgres://u:50%off@db', 'is not percent-encoded'],
    ['postgres://db/app/more', 'is not the name of a database'],
    ['postgres://db/app#x', 'has a fragment'],
    ['postgres://db?tls=1', 'has an unknown parameter (tls)'],
    ['postgres://db?sslmode=prefer', 'has an sslmode that is not one of disable'],
    ['postgres://db?ssl=true', 'has an unknown parameter (ssl): use sslmode=require'],
    ['postgres://db?sslmode=verify-full&sslrootcert=system', '(sslrootcert): start with NODE_EXTRA_CA_CERTS'],
    ['postgres://db?connection_limit=1', '(connection_limit): use max'],
    ['postgres://db?schema=app', '(schema): the schema is the value of STORE_PREFIX'],
    ['postgres://db?constructor=1', 'has an unknown parameter (constructor)'],
    ['postgres://u:p@one,two/app', 'names several hosts'],
    ['postgres://u:p@one:5432,two:5433/app', 'names several hosts'],
    ['postgres:///app?host=/run/postgresql&sslmode=require', 'has an sslmode for a Unix socket'],
    ['postgres://db?max=0', 'has a max that is not a number'],
    ['postgres://db?max=many', 'has a max that is not a number'],
  ])('refuses %s', (text, problem) => {
    expect(postgresAddressProblem(text)).toContain(problem)
    expect(() => parsePostgresAddress(text)).toThrow(TypeError)
  })

  it('never repeats the password', () => {
    expect(parsePostgresAddress('postgres://u:a,b@db/app').password).toBe('a,b')
    for (const text of [
      'postgres://u:sesame%@db',
      'postgres://u:sesame@db?x=1',
      'postgres://u:sesame@',
      'postgres://u:sesame@one,two/app',
    ])
      expect(postgresAddressProblem(text)).not.toContain('sesame')
  })
})
