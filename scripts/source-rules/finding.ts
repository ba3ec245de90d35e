/** A place in the sources that breaks a rule. */
export interface Finding {
  /** Identifies the finding in the list of known ones; it names rooms rather than lines, so that it survives edits. */
  readonly key: string
  readonly path: string
  readonly line: number
  /** States what is wrong, and what to do. */
  readonly message: string
}
