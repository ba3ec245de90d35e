/** Tokens of a member, as a browser has them. */
export interface CookieTokens {
  readonly access: string
  readonly refresh: string
}

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const jwt = (header: unknown, claims: unknown) => `${part(header)}.${part(claims)}.${part('signature')}`
const far = 9_999_999_999

/** Values that are no token of ours, though some of them look like one. */
const garbage: readonly string[] = [
  '',
  '"',
  'é\u00ff\u0080',
  '%00%0d%0a',
  'a.b.c',
  '..',
  'null',
  'x'.repeat(6_000),
  jwt({ alg: 'none' }, { iat: 1, exp: far }),
  jwt({ alg: 'ES256', kid: 'x'.repeat(500) }, { iat: far, exp: far }),
  jwt({ alg: 'ES256' }, { iat: '1', exp: [far] }),
  jwt(null, null),
  jwt([], [1]),
  jwt('x', 1),
  `${part({ alg: 'ES256' })}.${Buffer.from('{"iat":1e999,"exp":-1e999}').toString('base64url')}.x`,
]

/** A `Cookie` header that no browser sends, and who the page is for with it: the member while the access token is good, or a visitor. */
export interface HostileCookies {
  readonly what: string
  readonly header: string
  readonly isMember: boolean
}

/** Returns `Cookie` headers with values that are wrong, doubled, too long or not ASCII, beside good ones. */
export function hostileCookies({ access, refresh }: CookieTokens): readonly HostileCookies[] {
  const header = (...pairs: readonly (readonly [string, string])[]) =>
    pairs.map(([name, value]) => `__Host-perennial${name}=${value}`).join('; ')
  const both = [
    ['', refresh],
    ['-access', access],
  ] as const
  return [
    ...garbage.map((value) => ({
      what: `the access token ${value.slice(0, 40)}, and no other`,
      header: header(['-access', value]),
      isMember: false,
    })),
    ...garbage.map((value) => ({
      what: `both tokens ${value.slice(0, 40)}`,
      header: header(['', value], ['-access', value]),
      isMember: false,
    })),
    { what: 'each cookie twice', header: header(...both, ...both), isMember: false },
    {
      what: 'the access token twice, and no other',
      header: header(...both.slice(1), ...both.slice(1)),
      isMember: false,
    },
    { what: 'the mark of a new token alone', header: header(['-renewed', '1']), isMember: false },
    { what: 'a refresh token that was cut', header: header(['', refresh.slice(0, -1)]), isMember: false },
    { what: 'the access token as refresh token', header: header(['', access]), isMember: false },
    { what: 'names without values', header: '__Host-perennial; __Host-perennial-access', isMember: false },
    { what: 'many cookies', header: `${'a=b; '.repeat(400)}${header(['', 'x'])}`, isMember: false },
    {
      what: 'a good access token with a wrong refresh token',
      header: header(['', 'x'], ['-access', access]),
      isMember: true,
    },
    {
      what: 'a good access token with the refresh token twice',
      header: header(['', refresh], ...both),
      isMember: true,
    },
    {
      what: 'a good access token and the mark of a new one',
      header: header(['-access', access], ['-renewed', '1']),
      isMember: true,
    },
  ]
}
