import { randomBytes } from 'node:crypto'

/** A new id of Memberstack's form: a prefix and 24 characters of `0-9a-f`. */
export const randomId = (prefix: 'mem' | 'con' | 'msg'): string =>
  `${prefix}_${randomBytes(12).toString('hex')}`
