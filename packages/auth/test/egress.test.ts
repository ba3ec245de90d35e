import { expect, it } from 'vitest'
import { createPerennial } from '../src/compose/create-perennial.js'
import { systemClock } from '../src/base/time.js'
import { openStore } from '../src/stores/index.js'

it.each([
  ['default', undefined],
  ['nat-1', 'nat-1'],
])('a shared admin quota is that of the egress %s', async (wanted, egress) => {
  const asked: string[] = []
  const store = await openStore('memory:', { clock: systemClock })
  const perennial = await createPerennial({
    store: {
      ...store,
      shareAdminQuota(local, name) {
        asked.push(name)
        return local
      },
    },
    secret: Buffer.alloc(32, 1).toString('base64'),
    memberstack: { appId: 'app_1', secretKey: 'sk_1', egress },
  })
  await perennial.close()
  expect(asked).toEqual([wanted])
})
