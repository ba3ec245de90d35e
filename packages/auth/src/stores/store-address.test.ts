import { describe, expect, it } from 'vitest'
import { parseStoreAddress, storeAddressProblem } from './store-address.js'

describe('parseStoreAddress', () => {
  it('parses each kind of store', () => {
    expect(parseStoreAddress('memory:')).toEqual({ kind: 'memory', url: 'memory:' })
    const url = 'rediss://ann:p%40ss@cache:7000/3'
    expect(parseStoreAddress(url)).toEqual({
      kind: 'redis',
      url,
      topology: 'single',
      nodes: [{ host: 'cache', port: 7000 }],
      master: null,
      username: 'ann',
      password: 'p@ss',
      database: 3,
      tls: true,
    })
  })

  it('takes a path as it stands, with spaces and a question mark', () => {
    expect(parseStoreAddress('sqlite:./my data/a?b=c.db')).toMatchObject({
      kind: 'sqlite',
      path: './my data/a?b=c.db',
    })
  })

  it('takes an absolute path with any number of slashes', () => {
    for (const url of ['sqlite:/data/x.db', 'sqlite:///data/x.db', 'sqlite:////data/x.db']) {
      expect(parseStoreAddress(url)).toEqual({ kind: 'sqlite', url, path: '/data/x.db' })
    }
  })

  it.each([
    ['', 'is not sqlite:<path>'],
    ['memory', 'is not sqlite:<path>'],
    ['memory:x', 'is not sqlite:<path>'],
    ['sqlite:', 'is not sqlite:<path>'],
    ['./data/perennial.db', 'is not sqlite:<path>'],
    ['sqlite://data/x.db', 'names no file'],
    ['sqlite::memory:', 'names no file'],
    ['sqlite:file:x.db', 'names no file'],
    ['sqlite:a\0b', 'names no file'],
    ['mysql://user:hunter2@host/db', 'is not sqlite:<path>'],
    ['redis:', 'is not sqlite:<path>'],
    ['redis://', 'is not sqlite:<path>'],
    ['redis:hunter2@host', 'is not sqlite:<path>'],
    ['redis://:hunter2@[', 'is not a URL'],
    ['redis://:hunter2@host?tls=1', 'has an unknown parameter (tls)'],
    ['redis://:hunter2@host/1?cluster', 'names a database'],
  ])('refuses %j with a good example, and never shows a password', (url, problem) => {
    expect(storeAddressProblem(url)).toContain(problem)
    expect(storeAddressProblem(url)).not.toContain('hunter2')
    const parse = () => parseStoreAddress(url)
    expect(parse).toThrow(TypeError)
    expect(parse).toThrow(problem)
    expect(parse).toThrow('sqlite:./data/perennial.db')
    expect(parse).not.toThrow('hunter2')
  })
})
