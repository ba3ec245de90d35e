import { brotliDecompress, gunzip, inflate, inflateRaw, type InputType, type ZlibOptions } from 'node:zlib'

/** The codings that {@link decodeBody} reads, as the value of `Accept-Encoding` (RFC 9110 §12.5.3). */
export const acceptedEncodings = 'gzip, br, deflate'

type Decoder = (
  input: InputType,
  options: ZlibOptions,
  done: (error: Error | null, output: Buffer) => void,
) => void

/** A server that applies more codings than this to one answer is not taken seriously. */
const mostCodings = 3

/**
 * Undoes the codings of a body (RFC 9110 §8.4), last one first. Each step stops at `maxBytes`, so that a small body
 * which decodes to a huge one takes no more memory than that.
 * @throws RangeError rejected: the decoded body is larger than `maxBytes`
 * @throws Error rejected: the coding is unknown or the body is damaged
 */
export async function decodeBody(body: Buffer, contentEncoding: string, maxBytes: number): Promise<Buffer> {
  const codings = contentEncoding
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity')
  if (codings.length > mostCodings) throw new Error('too many content codings')
  let decoded = body
  for (const coding of codings.toReversed()) {
    // An answer without a body, as to a 304, may still name its coding.
    if (decoded.length > 0) decoded = await decode(decoderOf(coding, decoded), decoded, maxBytes)
  }
  return decoded
}

function decode(decoder: Decoder, body: Buffer, maxOutputLength: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    decoder(body, { maxOutputLength }, (error, output) => {
      if (error) reject(error)
      else resolve(output)
    })
  })
}

function decoderOf(coding: string, [first = 0]: Buffer): Decoder {
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return gunzip
    case 'br':
      return brotliDecompress
    case 'deflate':
      // RFC 9110 §8.4.1.2 means the zlib format; some servers send the bare stream. The zlib header names method 8.
      return (first & 0x0f) === 8 ? inflate : inflateRaw
    default:
      throw new Error('unknown content coding')
  }
}
