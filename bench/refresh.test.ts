import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

async function bench(
  ...names: readonly string[]
): Promise<{ readonly code: number; readonly printed: string; readonly said: string }> {
  const program = ['--import', './bench/source-imports.ts', 'bench/refresh.ts']
  const child = spawn(process.execPath, [...program, ...names.flatMap((name) => ['--only', name])], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, BENCH_REFRESHES: '64' },
  })
  const [[code], printed, said] = await Promise.all([
    once(child, 'exit'),
    text(child.stdout),
    text(child.stderr),
  ])
  return { code, printed, said }
}

/** The programs start five processes and more, which take long on a busy machine. */
const timeoutMs = 180_000

describe('the bench of the refresh endpoint', { timeout: timeoutMs }, () => {
  it('fails and prints no figure when a server answers another member, even once', async () => {
    const { code, printed, said } = await bench('answers another member once')
    expect(said).toContain('no figure from errors: a server answered mem_000001, not mem_000004')
    expect(code).toBe(1)
    expect(printed).toBe('')
  })

  it('prints what a refresh costs, and that 50 callers with one token share one rotation of ours', async () => {
    const proven = 'the same, with a DPoP proof'
    const names = [
      'Express + axios, by hand',
      'Perennial, forward mode',
      'Perennial, session mode, SQLite',
      proven,
      'Fastify, from memory',
    ]
    const { code, printed, said } = await bench(...names)
    expect(said).toBe('')
    expect(code).toBe(0)
    for (const name of names) {
      // requests/s, CPU seconds, against by hand, against no proof, of redis-server, p99, memory
      const against = name === proven ? String.raw`\d+\.\d\d` : '-'
      const figures = String.raw`\| \d+ \| \d+\.\d\d \| \d+\.\d\d \| ${against} \| - \| \d+\.\d \| \d+ \|`
      expect(printed).toMatch(new RegExp(`^\\| ${name.replace('+', String.raw`\+`)} ${figures}$`, 'm'))
    }
    // asked of the upstream, rotations, answered, failed, different refresh tokens and access tokens
    expect(printed).toContain(`| ${names[0]} | 50 | 1 | 1 | 49 | 1 | 1 |`)
    expect(printed).toContain(`| ${names[1]} | 1 | 1 | 50 | 0 | 1 | 1 |`)
    expect(printed).toContain(`| ${names[2]} | 0 | 1 | 50 | 0 | 1 | 1 |`)
    expect(printed).toContain(`| ${proven} | 0 | 1 | 50 | 0 | 1 | 1 |`)
    expect(printed).toContain(`| ${names[4]} | 0 | 0 | 50 | 0 | 1 | 1 |`)
  })
})
