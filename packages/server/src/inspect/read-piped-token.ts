const maxBytes = 65_536

/** What a person or a program piped in, without the white space around it or a leading `Bearer`; null: nothing. */
export async function readPipedToken(input: AsyncIterable<Uint8Array>): Promise<string | null> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of input) {
    length += chunk.length
    if (length > maxBytes) break
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString('utf8').trim()
  return text.replace(/^bearer\s+/i, '') || null
}
