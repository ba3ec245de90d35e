const maxBytes = 65_536

/**
 * Reads a token from standard input, without the white space around it and a leading `Bearer`. Returns null for an empty
 * input. Of a longer input than any token, only the beginning is read.
 */
export async function readPipedToken(input: AsyncIterable<Uint8Array>): Promise<string | null> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of input) {
    chunks.push(chunk.subarray(0, maxBytes - length))
    length += chunk.length
    if (length >= maxBytes) break
  }
  const text = Buffer.concat(chunks).toString('utf8').trim()
  return text.replace(/^(authorization:\s*)?bearer(\s+|$)/i, '') || null
}
