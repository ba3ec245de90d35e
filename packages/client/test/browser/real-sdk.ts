import { build } from 'esbuild'
import type { MemberstackDom } from '../../src/index.js'

/** The part of `@memberstack/dom` that the tests use. */
export interface RealSdk extends MemberstackDom {
  loginMemberEmailPassword(member: { email: string; password: string }): Promise<unknown>
  logout(): Promise<unknown>
}

declare global {
  interface Window {
    sdk: RealSdk
    /** Creates `sdk`. */
    openSdk(publicKey: string, domain: string): void
  }
}

/** Builds a script of the real `@memberstack/dom` for a page. It defines `openSdk`. */
export async function bundleRealSdk(): Promise<string> {
  const { outputFiles } = await build({
    stdin: {
      contents: `import memberstack from '@memberstack/dom'
        window.openSdk = (publicKey, domain) => { window.sdk = memberstack.init({ publicKey, domain }) }`,
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    write: false,
    format: 'iife',
  })
  return outputFiles[0]?.text ?? ''
}
