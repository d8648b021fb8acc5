import assert from 'node:assert/strict'
import { property } from './property.ts'
import type { AnySession, World } from './world.ts'

const [SECOND, MINUTE, HOUR, DAY] = [1000, 60_000, 3_600_000, 86_400_000]

/** What a session says of its ends, counted from now. */
async function ends(world: World, change: (session: AnySession) => void, options?: Parameters<World['visitor']>[1]) {
  const visitor = await world.visitor({ a: 1 }, options)
  await visitor.visit(change)
  const { result } = await visitor.visit(({ expiresAt, endsAt }) => ({
    expires: (expiresAt?.getTime() ?? 0) - world.clock(),
    ends: (endsAt?.getTime() ?? 0) - world.clock(),
  }))
  return result
}

property(
  'by default a session lives as long as the options say, and so it does until the browser closes',
  '45-46',
  async (world) => {
    const standard = { expires: 30 * MINUTE, ends: 12 * HOUR }
    assert.deepEqual(await ends(world, () => undefined), standard)
    assert.deepEqual(await ends(world, (session) => session.setExpiry('browser')), standard)
  },
)

property('a length of its own is counted from each use', '47-48', async (world) => {
  const expected = { expires: 10 * SECOND, ends: 12 * HOUR }
  assert.deepEqual(await ends(world, (session) => session.setExpiry('10s')), expected)
  assert.deepEqual(await ends(world, (session) => session.setExpiry(10_000)), expected)
})

property('a length to its end is a fixed point in time', '49-50', async (world) => {
  const expected = { expires: HOUR, ends: HOUR }
  assert.deepEqual(await ends(world, (session) => session.setExpiry({ absolute: '1h', idle: null })), expected)
})

property('a date is its end', '51-52', async (world) => {
  const at = new Date(world.clock() + 10 * SECOND)
  assert.deepEqual(await ends(world, (session) => session.setExpiry(at)), { expires: 10 * SECOND, ends: 10 * SECOND })
})

property('null gives the defaults back, also where nothing else was said', '53-54', async (world) => {
  const expected = { expires: 30 * MINUTE, ends: 12 * HOUR }
  assert.deepEqual(await ends(world, (session) => session.setExpiry(null)), expected)
  assert.deepEqual(
    await ends(world, (session) => {
      session.setExpiry(null)
      session.setExpiry('10s')
      session.setExpiry(null)
    }),
    expected,
  )
})

property('the cookie ends with the browser where the option or the session says so', '55-56', async (world) => {
  const life = async (option: boolean, change: (session: AnySession) => void) => {
    const browser = world.browser({ expireAtBrowserClose: option })
    return (
      await browser.visit((session) => {
        session.set('a', 1)
        change(session)
      })
    ).maxAge
  }
  const at = () => new Date(world.clock() + 10 * SECOND)
  for (const [option, expected] of [
    [true, ['browser', 'browser', 'browser']],
    [false, [10, 'browser', 12 * 3600]],
  ] as const) {
    const lives = [
      await life(option, (session) => session.setExpiry(at())),
      await life(option, (session) => session.setExpiry('browser')),
      await life(option, (session) => session.setExpiry(null)),
    ]
    assert.deepEqual(lives, expected)
    // A cookie that stays is asked for by its name, where the option does not give it to all.
    const kept = await life(option, (session) => session.setExpiry({ absolute: at(), remember: true }))
    assert.equal(kept, 10)
  }
})

property('a session past its own end is not there, on the server either', '60-61 96-97', async (world) => {
  const visitor = await world.visitor()
  await visitor.visit((session) => session.setExpiry(new Date(world.clock() + 10 * SECOND)))
  world.clock.advance(10 * SECOND - 1)
  assert.deepEqual(await visitor.copy().read(), { a: 1 })
  world.clock.advance(1)
  await visitor.visit((session) => {
    assert.deepEqual([session.isNew, session.keys()], [true, []])
    assert.throws(() => session.setExpiry(new Date(world.clock() - 10 * SECOND)), /must lie in the future/)
  })
})

property('another age for all sessions is their default', '72-75', async (world) => {
  const options = { absolute: '1d', idle: null } as const
  const day = { expires: DAY, ends: DAY }
  assert.deepEqual(await ends(world, () => undefined, options), day)
})

property('the test cookie is set, comes back, and is taken away', '126-127 X19', async (world) => {
  const { deleteTestCookie, setTestCookie, testCookieWorked } = await import(
    '../../../packages/strongroom/src/http/test-cookie.ts'
  )
  const visitor = await world.visitor()
  await visitor.visit((session) => assert.equal(testCookieWorked(session), false))
  await visitor.visit(setTestCookie)
  await visitor.visit((session) => {
    assert.deepEqual([testCookieWorked(session), session.get('testcookie')], [true, 'worked'])
    deleteTestCookie(session)
  })
  assert.deepEqual(await visitor.read(), { a: 1 })
})
