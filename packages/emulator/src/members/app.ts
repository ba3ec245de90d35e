import type { Plan } from './plan-catalog.js'

/** The ids, keys and issuer of an app at Memberstack. */
export interface AppIdentity {
  readonly appId: string
  /** `sk_…`: the key of the admin API. */
  readonly secretKey: string
  /** `pk_…`: the key that the browser SDK sends. */
  readonly publicKey: string
  /** `iss` of member JWTs. */
  readonly issuer: string
}

/** The only app of the emulator. */
export const emulatedApp: AppIdentity = {
  appId: 'app_emulator',
  secretKey: 'sk_sb_emulator',
  publicKey: 'pk_sb_emulator',
  issuer: 'https://api.memberstack.com',
}

const pricesOf = ({ id, price }: Plan): readonly object[] => {
  if (price === 'free') return []
  const shared = { type: 'SUBSCRIPTION', name: null, status: 'ACTIVE', currency: 'usd' }
  return [{ id: `prc_${id}`, amount: 10, ...shared }]
}

/** Returns a plan in the form that the browser SDK reads. */
export const describePlan = (plan: Plan): object => ({
  id: plan.id,
  name: plan.name,
  description: null,
  priority: null,
  status: 'ACTIVE',
  prices: pricesOf(plan),
})

/** Returns the app in the form that the browser SDK reads. */
export const describeApp = ({ appId }: AppIdentity, plans: readonly Plan[]): object => ({
  id: appId,
  name: 'Perennial emulator',
  mode: 'sandbox',
  plans: plans.map(describePlan),
  contentGroups: [],
  customFields: [],
  allowMemberSelfDelete: true,
  captchaRequired: false,
  authProviders: [],
  additionalAuthMethods: { passwordless: { enabled: false, isDefault: false } },
  ssoSignupButtonURL: null,
  isPaid: false,
  branding: { logo: null, colors: { lightMode: {} } },
})
