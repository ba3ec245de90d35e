import type { PlantedBug } from './planted-bug.ts'

const source = 'packages/auth/src/refresh/session-source.ts'

/** Bugs of sessions that are bound to a key, each with the world that finds it. */
export const boundBugs: readonly PlantedBug[] = [
  {
    name: 'a bound session takes requests without a proof',
    world: 'bound',
    file: 'packages/auth/src/sessions/key-binding.ts',
    replace: 'if (jkt === null) return\n',
    by: 'if (jkt === null || !proof) return\n',
  },
  {
    name: 'a bound session takes the proof of any key',
    world: 'bound at two instances',
    file: 'packages/auth/src/sessions/key-binding.ts',
    replace: '  await requireKey(session, proof)\n',
    by: '',
  },
  {
    name: 'a retired token of a bound session is looked at without its key',
    world: 'bound',
    file: source,
    replace: "if (!context.proven) await requireNoKey(session, options, 'refreshUnavailable')",
    by: "if (!context.proven && parts.generation >= session.generation) await requireNoKey(session, options, 'refreshUnavailable')",
  },
  {
    name: 'a caller without the key joins the refresh of one who has it',
    world: 'bound',
    file: 'packages/auth/src/refresh/refresh.ts',
    replace: 'return jkt === null ? refreshToken : `${refreshToken} ${jkt}`',
    by: "return jkt === 'shared' ? jkt : refreshToken",
  },
  {
    name: 'a bound session is signed out without its key',
    world: 'bound',
    file: 'packages/auth/src/sessions/sign-in-and-out.ts',
    replace: "await (proof ? requireKey(session, proof) : requireNoKey(session, options, 'proofSkipped'))",
    by: 'void requireNoKey',
  },
  {
    name: 'a rotation loses the key of its session',
    world: 'bound',
    file: 'packages/auth/src/sessions/rotation.ts',
    replace: 'generation: change.toGeneration,\n    confirmedAt: null,',
    by: 'generation: change.toGeneration,\n    jkt: null,\n    confirmedAt: null,',
  },
  {
    name: 'a bound access token is accepted without a proof',
    world: 'bound at two instances',
    file: 'packages/auth/src/http/authenticate.ts',
    replace: '    refuseBound(token)\n',
    by: '',
  },
  {
    name: 'the access tokens of refreshes are not bound',
    world: 'bound at two instances',
    file: source,
    replace: "return dpopMode === 'all' ? (jkt ?? undefined) : undefined",
    by: 'return dpopMode === undefined ? (jkt ?? undefined) : undefined',
  },
]
