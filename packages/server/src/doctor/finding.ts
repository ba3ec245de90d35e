/** What one check found. Only an error makes the doctor's exit code 1. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'error'
  readonly subject: string
  /** What is, and where something is wrong what to do about it. */
  readonly message: string
}

/** Findings of one subject, by level. */
export function findingsAbout(
  subject: string,
): Readonly<Record<Finding['level'], (message: string) => Finding>> {
  return {
    ok: (message) => ({ level: 'ok', subject, message }),
    warning: (message) => ({ level: 'warning', subject, message }),
    error: (message) => ({ level: 'error', subject, message }),
  }
}
