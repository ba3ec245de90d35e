import { parseArgs } from 'node:util'
import { type EmulatorOptions, readOptions } from './controls/index.js'

/** The meaning of the arguments of the command line. */
export type CommandLine =
  | { readonly kind: 'start'; readonly options: EmulatorOptions }
  | { readonly kind: 'help' }
  /** One line that names the wrong argument. */
  | { readonly kind: 'wrong'; readonly message: string }

/** The text that `--help` prints. */
export const usage = `Usage: perennial-emulator [options]

  --host <address>           address to listen on (127.0.0.1)
  --allow-remote             permits an address that other machines can reach; the keys are public
  --port <number>            port; 0 takes a free port (8788)
  --webhook-url <url>        URL that receives webhooks (no webhooks are sent)
  --webhook-secret <secret>  signing secret of webhooks, whsec_… (a new one at every start)
  --help                     prints this text`

const flags = {
  host: { type: 'string' },
  'allow-remote': { type: 'boolean' },
  port: { type: 'string' },
  'webhook-url': { type: 'string' },
  'webhook-secret': { type: 'string' },
  help: { type: 'boolean' },
} as const

/** Reads the arguments after the program's name. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  try {
    const { values } = parseArgs({ args: [...args], options: flags, strict: true })
    if (values.help) return { kind: 'help' }
    const options = {
      host: values.host,
      allowRemote: values['allow-remote'],
      port: readPort(values.port ?? '8788'),
      webhookUrl: values['webhook-url'],
      webhookSecret: values['webhook-secret'],
    }
    readOptions(options)
    return { kind: 'start', options }
  } catch (error) {
    // Both parseArgs and readOptions throw a TypeError. The first sentence of its message is the line to print.
    if (!(error instanceof TypeError)) throw error
    return { kind: 'wrong', message: error.message.split(/\. |\n/, 1)[0] ?? error.message }
  }
}

function readPort(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text)
  throw new TypeError('--port must be a whole number from 0 to 65535, such as 8788')
}
