const maxBytes = 65_536

/**
 * What a person or a program piped in, without the white space around it or a leading `Bearer`; null: nothing. Of more than
 * any token has, the beginning.
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
