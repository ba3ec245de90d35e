import { describe, expect, it } from 'vitest'
import { parseRedisAddress } from './address.js'

describe('parseRedisAddress', () => {
  it('parses one server, with its defaults and without', () => {
    expect(parseRedisAddress('redis://cache')).toEqual({
      topology: 'single',
      nodes: [{ host: 'cache', port: 6379 }],
      master: null,
      username: undefined,
      password: undefined,
      database: 0,
      tls: false,
    })
    expect(parseRedisAddress('rediss://ann:p%40ss@[::1]:7000/3')).toMatchObject({
      nodes: [{ host: '::1', port: 7000 }],
      username: 'ann',
      password: 'p@ss',
      database: 3,
      tls: true,
    })
  })

  it('parses Sentinels and the nodes of a Cluster', () => {
    expect(parseRedisAddress('redis://a/1?sentinel=main&node=b&node=c:7000')).toMatchObject({
      topology: 'sentinel',
      master: 'main',
      database: 1,
      nodes: [
        { host: 'a', port: 26_379 },
        { host: 'b', port: 26_379 },
        { host: 'c', port: 7000 },
      ],
    })
    expect(parseRedisAddress('redis://a:7000?cluster&node=b:7001')).toMatchObject({
      topology: 'cluster',
      nodes: [
        { host: 'a', port: 7000 },
        { host: 'b', port: 7001 },
      ],
    })
  })

  it('refuses what is ambiguous or unknown, with a good example and without the password', () => {
    for (const rest of [
      '/x',
      '?cluster&sentinel=main',
      '?sentinel=',
      '?node=b',
      '?tls=1',
      '/1?cluster',
      '?cluster&node=',
      '?cluster&node=b&node=c/1',
      '?cluster&node=b:0',
      '?sentinel=main&node=:pw@b:26379',
      ':0',
      '#x',
    ]) {
      const parse = () => parseRedisAddress(`redis://:hunter2@host${rest}`)
      expect(parse, rest).toThrow(/redis:\/\/localhost:6379$/)
      expect(parse, rest).not.toThrow(/hunter2/)
    }
    expect(() => parseRedisAddress('redis://:50%off@host')).toThrow(/percent-encoded/)
  })
})
