import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { unprivileged } from './postgres-process.js'

/** The files of a certificate authority for a test, and of a certificate that it issued. */
export interface Certificates {
  /** The certificate of the authority, for `NODE_EXTRA_CA_CERTS`. */
  readonly caFile: string
  readonly ca: string
  readonly certFile: string
  readonly keyFile: string
}

/** Returns true if openssl is installed. If it is not, prints what to do, and throws in CI. */
export function hasOpenssl(): boolean {
  if (spawnSync('openssl', ['version']).status === 0) return true
  const problem =
    'TLS TESTS DID NOT RUN: the program openssl is missing. Install it: apt-get install -y openssl'
  if (process.env['CI']) throw new Error(problem)
  console.error(`\n*** ${problem} ***\n`)
  return false
}

/** Creates a certificate for these names (`DNS:localhost`, `IP:127.0.0.1`) in this folder, valid for a day. */
export function makeCertificates(folder: string, names: readonly string[]): Certificates {
  const file = (name: string) => join(folder, name)
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl(
    ['req', '-x509', ...newKey, '-days', '1', '-subj', '/CN=Test authority'],
    ['-addext', 'keyUsage=critical,keyCertSign'],
    ['-keyout', file('ca.key'), '-out', file('ca.pem')],
  )
  openssl(['req', ...newKey, '-subj', '/CN=redis'], ['-keyout', file('redis.key'), '-out', file('redis.csr')])
  writeFileSync(file('redis.ext'), `subjectAltName=${names.join(',')}\n`)
  openssl(
    ['x509', '-req', '-in', file('redis.csr'), '-days', '1', '-extfile', file('redis.ext')],
    ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-out', file('redis.pem')],
  )
  const ca = readFileSync(file('ca.pem'), 'utf8')
  return { caFile: file('ca.pem'), ca, certFile: file('redis.pem'), keyFile: file('redis.key') }
}

/** Returns the settings of a Redis that speaks TLS on this port, beside its plain one. */
export function tlsSettings(port: number, { caFile, certFile, keyFile }: Certificates): readonly string[] {
  return [
    ['--tls-port', `${port}`],
    ['--tls-cert-file', certFile],
    ['--tls-key-file', keyFile],
    ['--tls-ca-cert-file', caFile],
    ['--tls-auth-clients', 'no'],
  ].flat()
}

/** Returns the settings of a PostgreSQL that offers TLS. It reads its key as the user `unprivileged` only. */
export function postgresTlsSettings({ certFile, keyFile }: Certificates): readonly string[] {
  const { uid, gid } = unprivileged()
  if (uid !== undefined) spawnSync('chown', ['-R', `${uid}:${gid}`, dirname(keyFile)])
  chmodSync(keyFile, 0o600)
  return ['ssl=on', `ssl_cert_file=${certFile}`, `ssl_key_file=${keyFile}`]
}

function openssl(...args: readonly (readonly string[])[]): void {
  const { status, stderr } = spawnSync('openssl', args.flat())
  if (status !== 0) throw new Error(`openssl: ${stderr.toString()}`)
}
