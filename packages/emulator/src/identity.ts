/** What an app is to Memberstack: its ids, its keys, and who signs its member JWTs. */
export interface AppIdentity {
  readonly appId: string
  /** `sk_…`: opens the admin API. */
  readonly secretKey: string
  /** `pk_…`: what the browser SDK sends. */
  readonly publicKey: string
  /** `iss` of member JWTs. */
  readonly issuer: string
}

/** The one app the emulator has. */
export const emulatedApp: AppIdentity = {
  appId: 'app_emulator',
  secretKey: 'sk_sb_emulator',
  publicKey: 'pk_sb_emulator',
  issuer: 'https://api.memberstack.com',
}
