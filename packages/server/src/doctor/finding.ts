/** One result of a check. Only an error makes the doctor's exit code 1. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'error'
  readonly subject: string
  /** The state, and what to do if something is wrong. */
  readonly message: string
}

/** Returns constructors of findings about one subject, by level. */
export function findingsAbout(
  subject: string,
): Readonly<Record<Finding['level'], (message: string) => Finding>> {
  return {
    ok: (message) => ({ level: 'ok', subject, message }),
    warning: (message) => ({ level: 'warning', subject, message }),
    error: (message) => ({ level: 'error', subject, message }),
  }
}
