import process from 'node:process'

/**
 * Reads `.env` if it exists. Variables that are set already keep their value.
 * @returns the reason why it cannot be read, in one line for people; null on success
 */
export function loadEnvFile(): string | null {
  try {
    process.loadEnvFile()
    return null
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    if (code === 'ENOENT') return null
    return `.env cannot be read (${code}). Check its owner and permissions, or start in another folder.`
  }
}
