import { isJsonObject } from '../base/json.js'
import { findConflicts } from './option-conflicts.js'
import {
  dpopRules,
  memberstackRules,
  optionRules,
  rateLimitRules,
  type Rule,
  type Rules,
} from './option-rules.js'
import type { PerennialOptions } from './perennial-options.js'

/**
 * Checks all options, as a program without types may pass them: names, kinds, bounds, swapped values, and conflicts.
 * @throws TypeError with one line for each problem, all at once. It quotes no key and no secret
 */
export function checkOptions(options: PerennialOptions, environment: 'production' | 'development'): void {
  if (!isJsonObject(options)) throw new TypeError('createPerennial needs an object of options')
  const problems = listProblems(options, environment)
  const conflicts = isJsonObject(options.memberstack) ? [...findConflicts(options, environment)] : []
  const lines = [
    ...problems.values(),
    ...conflicts.filter(({ of }) => !of.some((name) => problems.has(name))).map(({ problem }) => problem),
  ]
  if (lines.length > 0) throw new TypeError(lines.join('\n'))
}

/** The problem of each option, by its name. */
type Problems = Map<string, string>

function listProblems(options: PerennialOptions, environment: 'production' | 'development'): Problems {
  const problems: Problems = new Map()
  const { memberstack, rateLimits = {}, dpop = {} } = options
  checkAgainst(optionRules, { given: options, prefix: '', problems, required: ['store'] })
  if (!isJsonObject(memberstack))
    problems.set('memberstack', 'memberstack must be an object with appId and secretKey')
  else {
    const { jwksUri, ...pinned } = memberstack
    // The address of a key set is not used if the keys are pinned.
    const given = memberstack.jwks === undefined ? { jwksUri, ...pinned } : pinned
    const required = ['appId']
    checkAgainst(memberstackRules(environment), { given, prefix: 'memberstack.', problems, required })
  }
  if (isJsonObject(rateLimits))
    checkAgainst(rateLimitRules, { given: rateLimits, prefix: 'rateLimits.', problems, required: [] })
  if (isJsonObject(dpop)) checkAgainst(dpopRules, { given: dpop, prefix: 'dpop.', problems, required: [] })
  return problems
}

function checkAgainst<Options extends object>(
  rules: Rules<Options>,
  {
    given,
    prefix,
    problems,
    required,
  }: {
    readonly given: object
    readonly prefix: string
    readonly problems: Problems
    readonly required: readonly string[]
  },
): void {
  const values = new Map<string, unknown>(Object.entries(given))
  for (const name of values.keys())
    if (!Object.hasOwn(rules, name)) problems.set(prefix + name, unknownOption(prefix, name, rules))
  for (const [name, rule] of Object.entries<Rule>(rules)) {
    const value = values.get(name)
    const problem = value === undefined && !required.includes(name) ? null : rule[0](value)
    if (problem === null) continue
    problems.set(prefix + name, lineOf(prefix + name, problem, rule[1]))
  }
}

function lineOf(name: string, problem: string, example: string | undefined): string {
  const space = problem.startsWith(':') ? '' : ' '
  return `${name}${space}${problem}${example === undefined ? '' : `. A good example: ${example}`}`
}

/** Names that newcomers use for options of ours. */
const otherNames: Readonly<Record<string, string>> = {
  cors: 'allowedOrigins',
  origins: 'allowedOrigins',
  plans: 'requiredPlans',
  ttl: 'accessTokenTtlSeconds',
  expiresIn: 'accessTokenTtlSeconds',
  redis: 'store',
  database: 'store',
  logger: 'telemetry',
  apiKey: 'memberstack.secretKey',
  proof: 'dpop',
  dpopMode: 'dpop.mode',
  dpopRequired: 'dpop.required',
  requireDpop: 'dpop.required',
}

function unknownOption(prefix: string, name: string, rules: object): string {
  const near = Object.keys(rules).find((known) => isNear(name, known))
  const nested = Object.keys(memberstackRules('development')).find((known) => known === name)
  const meant =
    (near && prefix + near) ||
    (nested && prefix === '' && `memberstack.${nested}`) ||
    (Object.hasOwn(otherNames, name) && otherNames[name])
  return `${prefix}${name} is not an option${meant ? `. Did you mean ${meant}?` : ''}`
}

/** Returns true if two names are equal after one character of each is left out, whatever their case. */
function isNear(one: string, other: string): boolean {
  const shorter = new Set(withoutOneCharacter(one.toLowerCase()))
  return withoutOneCharacter(other.toLowerCase()).some((text) => shorter.has(text))
}

function withoutOneCharacter(text: string): readonly string[] {
  return [text, ...Array.from(text, (_, at) => text.slice(0, at) + text.slice(at + 1))]
}
