import { readMemberKeys } from '@perennial/auth'
import { TextEncodingError } from '../base/text-file.js'
import { badSetting } from './settings.js'

/** Reads a file as text, without a byte order mark; throws if it cannot. */
export type ReadTextFile = (path: string) => string

/**
 * Reads the pinned key set (RFC 7517 §5) from inline JSON or from a file.
 * @throws TypeError if it cannot be read or holds no usable key
 */
export function readKeySet(setting: string, readTextFile: ReadTextFile): string {
  const text = setting.startsWith('{') ? setting : readFileSetting(setting, readTextFile)
  if (!holdsKeys(text))
    throw badSetting('MEMBERSTACK_JWKS', 'is not a key set: JSON like {"keys":[…]} with a key in it')
  if (readMemberKeys(text)?.length === 0)
    throw badSetting('MEMBERSTACK_JWKS', 'has no usable key: RSA, 2048 bits or more, for signatures')
  return text
}

function readFileSetting(path: string, readTextFile: ReadTextFile): string {
  try {
    return readTextFile(path)
  } catch (cause) {
    const problem =
      cause instanceof TextEncodingError
        ? `names a file that ${cause.message}`
        : 'is neither JSON nor a file that can be read'
    throw Object.assign(badSetting('MEMBERSTACK_JWKS', problem), { cause })
  }
}

function holdsKeys(text: string): boolean {
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed !== 'object' || parsed === null || !('keys' in parsed)) return false
    return Array.isArray(parsed.keys) && parsed.keys.length > 0
  } catch {
    return false
  }
}
