/* Imports a door of the library, verifies one token and prints the time since the process began. JavaScript, as deployed. */
import process from 'node:process'

const [file, settings] = process.argv.slice(2)
const { call, options, token, member } = JSON.parse(settings)
const calls = {
  nothing: () => member,
  async library({ createPerennial }) {
    const perennial = await createPerennial(options)
    return (await perennial.authenticate({ authorization: `Bearer ${token}` }, 'start')).user.userId
  },
  async verifier({ createVerifier }) {
    const verifier = createVerifier(options)
    return (await verifier.authenticate({ authorization: `Bearer ${token}` })).user.userId
  },
  async fetch({ authenticate, createPerennial }) {
    const request = new Request('https://app.example/me', { headers: { authorization: `Bearer ${token}` } })
    return (await authenticate(await createPerennial(options), request)).user.userId
  },
}
const files = file === '' ? [] : file.split(',')
const modules = await Promise.all(files.map((one) => import(one)))
const found = await calls[call](Object.assign({}, ...modules))
const milliseconds = performance.now()
const { user, system } = process.cpuUsage()
if (found !== member) throw new Error(`no figure from errors: the token is of ${String(found)}`)
process.stdout.write(JSON.stringify({ milliseconds, cpuMilliseconds: (user + system) / 1000 }))
process.exit()
