/** A member of the emulator who can sign in on the page. */
export interface DemoMember {
  /** The local part of the member's e-mail address, used in routes and element ids. */
  readonly key: string
  readonly name: string
  readonly memberId: string
}

/** The members of the emulator's default seed: an admin, and one with neither that role nor a plan. */
export const demoMembers: readonly DemoMember[] = [
  { key: 'ada', name: 'Ada', memberId: 'mem_ada' },
  { key: 'bob', name: 'Bob', memberId: 'mem_bob' },
]

/** The button of one fault on the page. */
export interface BreakText {
  readonly id: string
  readonly title: string
  /** The effect of the fault, and the reaction of the client. */
  readonly text: string
  /** True if the fault stays on until the button is pressed again. */
  readonly toggles: boolean
}

/** @param canShorten - true if the service can issue one-minute tokens */
export function describeBreaks(canShorten: boolean): readonly BreakText[] {
  return canShorten ? [shortLife, ...always] : always
}

const shortLife: BreakText = {
  id: 'short-life',
  title: 'Make tokens live 60 s',
  text: 'An hour in a minute: the client renews halfway, again and again.',
  toggles: true,
}

const always: readonly BreakText[] = [
  {
    id: 'fifty',
    title: 'Ask 50 times at once',
    text: 'Fifty callers want a new token together. One request goes out and all fifty share its answer.',
    toggles: false,
  },
  {
    id: 'lose-answer',
    title: 'Lose an answer',
    text: 'The token is renewed, but the answer never arrives. The client asks again and gets the same session.',
    toggles: false,
  },
  {
    id: 'outage',
    title: 'Take the service down for 20 s',
    text: 'A valid token keeps working meanwhile. The client tries again, with longer and longer pauses.',
    toggles: false,
  },
  {
    id: 'wrong-clock',
    title: 'Set the clock 2 h ahead',
    text: 'The client uses the service’s time, not this computer’s. One refresh shows it the difference.',
    toggles: true,
  },
  {
    id: 'revoke',
    title: 'Revoke from elsewhere',
    text: 'Another device ends this session. The next call is refused, and every tab signs out.',
    toggles: false,
  },
]
