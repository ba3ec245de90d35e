import { build } from 'esbuild'
import { JSDOM, VirtualConsole } from 'jsdom'
import type memberstackDom from '@memberstack/dom'
import type { Emulator } from '../src/index.js'

/** The SDK in a page. */
export type Memberstack = ReturnType<(typeof memberstackDom)['default']['init']>

/** A page of another origin with the real SDK. The XMLHttpRequest of jsdom uses CORS as a browser does. */
export interface DomPage {
  readonly memberstack: Memberstack
  /** The value of a key in `localStorage`. */
  stored(key: string): string | null
  /** The member JWT that the SDK holds. */
  storedToken(): string | null
  close(): void
}

/** Bundles `@memberstack/dom` as a script. */
export async function bundleSdk(): Promise<string> {
  const contents = "import sdk from '@memberstack/dom'; window.start = (options) => sdk.init(options)"
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: import.meta.dirname },
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'browser',
  })
  return outputFiles[0]?.text ?? ''
}

/** Opens a page and starts the SDK in it. */
export function openPage(
  sdk: string,
  emulator: Emulator,
  options: { publicKey?: string; appId?: string } = {},
): DomPage {
  const { publicKey = emulator.publicKey, appId = emulator.appId } = options
  const { window } = new JSDOM('<!doctype html>', {
    url: 'http://shop.example/pricing',
    runScripts: 'outside-only',
    virtualConsole: new VirtualConsole(),
  })
  window.eval(sdk)
  const start = { publicKey, appId, domain: emulator.url, autoTrackPageViews: false }
  const stored = (key: string): string | null => window.localStorage.getItem(key)
  return {
    memberstack: window['start'](start),
    stored,
    storedToken: () => stored('_ms-mid'),
    close: () => window.close(),
  }
}
