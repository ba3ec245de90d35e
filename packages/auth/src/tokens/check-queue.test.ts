import { expect, it } from 'vitest'
import { createCheckQueue, type CheckQueue } from './check-queue.js'

/** Checks that end when and as the test says. */
function createChecks(queue: CheckQueue) {
  const running: { readonly name: number; pass(): void; fail(): void }[] = []
  const ends: Promise<unknown>[] = []
  let started = 0
  let most = 0
  return {
    running,
    get started() {
      return started
    },
    get most() {
      return most
    },
    start(count: number) {
      for (let index = 0; index < count; index += 1) {
        const name = ends.length
        const check = () =>
          new Promise<number>((resolve, reject) => {
            started += 1
            running.push({ name, pass: () => resolve(name), fail: () => reject(new Error('forged')) })
            most = Math.max(most, running.length)
          })
        ends.push(
          queue.run(check).then(
            (value) => value,
            (error: Error) => error.message,
          ),
        )
      }
    },
    /** Ends the one that started first. */
    async end(how: 'pass' | 'fail') {
      running.shift()?.[how]()
      await settled()
    },
    all: () => Promise.all(ends),
  }
}

/** Everything that promises have led to has happened. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

async function failAll(checks: ReturnType<typeof createChecks>, count: number) {
  checks.start(count)
  await settled()
  for (let index = 0; index < count; index += 1) await checks.end('fail')
}

it('answers each with what its own check said', async () => {
  const checks = createChecks(createCheckQueue())
  checks.start(3)
  await settled()
  await checks.end('pass')
  await checks.end('fail')
  await checks.end('pass')
  expect(await checks.all()).toEqual([0, 'forged', 2])
})

it('runs 64 at once while they pass, and the rest in the order they came', async () => {
  const checks = createChecks(createCheckQueue())
  checks.start(200)
  await settled()
  expect(checks.running.length).toBe(64)
  const order: number[] = []
  while (checks.running.length > 0) {
    order.push(checks.running[0]?.name ?? -1)
    await checks.end('pass')
  }
  expect(checks.most).toBe(64)
  expect(order).toEqual(Array.from({ length: 200 }, (_, index) => index))
})

it('runs one at a time once checks keep failing, and never none', async () => {
  const checks = createChecks(createCheckQueue())
  await failAll(checks, 20)
  checks.start(50)
  await settled()
  for (let index = 0; index < 50; index += 1) {
    expect(checks.running.length).toBe(1)
    await checks.end('fail')
  }
  expect(checks.started).toBe(70)
})

it('goes back to 64 at once when checks pass again', async () => {
  const checks = createChecks(createCheckQueue())
  await failAll(checks, 20)
  checks.start(400)
  await settled()
  expect(checks.running.length).toBe(1)
  for (let index = 0; index < 100; index += 1) await checks.end('pass')
  expect(checks.running.length).toBe(64)
})

it('lets the next one run after one that throws at once', async () => {
  const queue = createCheckQueue()
  for (let index = 0; index < 100; index += 1) {
    await expect(
      queue.run(() => {
        throw new TypeError('at once')
      }),
    ).rejects.toThrow('at once')
  }
  expect(await queue.run(async () => 'passed')).toBe('passed')
})
