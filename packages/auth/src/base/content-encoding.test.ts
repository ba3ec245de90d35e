import { execFile } from 'node:child_process'
import process from 'node:process'
import { promisify } from 'node:util'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { decodeBody } from './content-encoding.js'

const run = promisify(execFile)
const text = 'grüße '.repeat(100)
const plain = Buffer.from(text)
const mebibyte = 1024 * 1024

describe('decodeBody', () => {
  it.each([
    ['gzip', gzipSync(plain)],
    ['x-gzip', gzipSync(plain)],
    ['GZIP', gzipSync(plain)],
    ['br', brotliCompressSync(plain)],
    ['deflate', deflateSync(plain)],
    ['identity', plain],
    ['', plain],
  ])('reads %j', async (coding, body) => {
    expect((await decodeBody(body, coding, mebibyte)).toString()).toBe(text)
  })

  it('reads deflate without the zlib header, as some servers send it', async () => {
    expect((await decodeBody(deflateRawSync(plain), 'deflate', mebibyte)).toString()).toBe(text)
  })

  it('undoes several codings, the last one first', async () => {
    const body = brotliCompressSync(gzipSync(plain))
    expect((await decodeBody(body, 'gzip, identity, br', mebibyte)).toString()).toBe(text)
  })

  it('takes a body that just fits, and rejects one byte more', async () => {
    const body = gzipSync(Buffer.alloc(1000))
    expect(await decodeBody(body, 'gzip', 1000)).toHaveLength(1000)
    await expect(decodeBody(body, 'gzip', 999)).rejects.toMatchObject({ code: 'ERR_BUFFER_TOO_LARGE' })
  })

  it('rejects a body that decodes to more than the limit in an inner coding', async () => {
    const body = gzipSync(gzipSync(Buffer.alloc(10 * mebibyte)))
    await expect(decodeBody(body, 'gzip, gzip', mebibyte)).rejects.toMatchObject({
      code: 'ERR_BUFFER_TOO_LARGE',
    })
  })

  it('takes no more memory for a body that decodes to a huge one than the limit allows', async () => {
    // In a process of its own, whose peak no other test has raised. The bombs are made in small pieces.
    const program = `
      import { Readable } from 'node:stream'
      import { buffer } from 'node:stream/consumers'
      import { constants, createBrotliCompress, createDeflate, createGzip } from 'node:zlib'
      import { decodeBody } from ${JSON.stringify(new URL('content-encoding.ts', import.meta.url).href)}
      const zeros = Buffer.alloc(${mebibyte})
      const bomb = (encoder) => buffer(Readable.from(Array.from({ length: 64 }, () => zeros)).pipe(encoder))
      const quick = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }
      const bombs = [
        ['gzip', await bomb(createGzip({ level: 1 }))],
        ['br', await bomb(createBrotliCompress(quick))],
        ['deflate', await bomb(createDeflate({ level: 1 }))],
      ]
      const before = process.resourceUsage().maxRSS
      const ends = []
      for (const [coding, body] of bombs)
        ends.push(await decodeBody(body, coding, ${mebibyte}).then(() => 'decoded', (error) => error.code))
      console.log((process.resourceUsage().maxRSS - before) / 1024, ...ends)`

    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program])

    const [grownMiB, ...ends] = stdout.trim().split(' ')
    expect(ends).toEqual(Array.from({ length: 3 }, () => 'ERR_BUFFER_TOO_LARGE'))
    // A bomb that was decoded would add 64 MiB.
    expect(Number(grownMiB)).toBeLessThan(32)
  })

  it('rejects damaged bodies, unknown codings and many codings', async () => {
    const damaged = gzipSync(plain).subarray(0, -9)
    await expect(decodeBody(damaged, 'gzip', mebibyte)).rejects.toThrow()
    await expect(decodeBody(plain, 'br', mebibyte)).rejects.toThrow()
    await expect(decodeBody(plain, 'zstd', mebibyte)).rejects.toThrow('unknown content coding')
    await expect(decodeBody(plain, 'gzip,gzip,gzip,gzip', mebibyte)).rejects.toThrow('too many')
  })

  it('leaves an empty body empty, whatever coding is named', async () => {
    expect(await decodeBody(Buffer.alloc(0), 'gzip', mebibyte)).toHaveLength(0)
  })
})
