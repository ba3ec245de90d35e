import { build } from 'esbuild'
import type { MemberstackDom } from '../../src/index.js'

/** As much of `@memberstack/dom` as the tests use. */
export interface RealSdk extends MemberstackDom {
  loginMemberEmailPassword(member: { email: string; password: string }): Promise<unknown>
  logout(): Promise<unknown>
}

declare global {
  interface Window {
    sdk: RealSdk
    /** Makes `sdk`. */
    openSdk(publicKey: string, domain: string): void
  }
}

/** The real `@memberstack/dom` as a script for a page, which defines `openSdk`. */
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
