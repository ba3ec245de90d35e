import type { Emulator } from '@perennial/emulator'
import { build } from 'esbuild'

/** The part of Memberstack's script that the test calls, as a sign-in form would. */
export interface MemberstackScript {
  loginMemberEmailPassword(member: { email: string; password: string }): Promise<unknown>
  logout(): Promise<unknown>
}

/** Loads Memberstack's SDK for the emulator. Like the script from the dashboard it sets `window.$memberstackDom`. */
export async function buildMemberstackScript({ publicKey, url }: Emulator): Promise<string> {
  const { outputFiles } = await build({
    stdin: {
      contents: `import memberstack from '@memberstack/dom'
        window.$memberstackDom = memberstack.init(${JSON.stringify({ publicKey, domain: url })})`,
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    write: false,
    format: 'iife',
  })
  return outputFiles[0]?.text ?? ''
}
