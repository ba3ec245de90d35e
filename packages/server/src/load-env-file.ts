import process from 'node:process'

/**
 * Reads `.env` where there is one; what the process was given wins over it.
 * @returns why it cannot be read, in one line for people; null when all is well
 */
export function loadEnvFile(): string | null {
  try {
    process.loadEnvFile()
    return null
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    if (code === 'ENOENT') return null
    return `.env cannot be read (${code}). Look at its owner and rights, or start in another folder.`
  }
}
