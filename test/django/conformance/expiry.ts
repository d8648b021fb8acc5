import assert from 'node:assert/strict'
import type { AnySession, Fixture } from './fixture.ts'
import { property } from './property.ts'

const [SECOND, HOUR, DAY] = [1000, 3_600_000, 86_400_000]

const standardOf = ({ engine: { format } }: Fixture) => ({ expires: format.idle, ends: format.absolute })

/** Returns when a session ends, in ms from now. */
async function ends(
  fixture: Fixture,
  change: (session: AnySession) => void,
  options?: Parameters<Fixture['visitor']>[1],
) {
  const visitor = await fixture.visitor({ a: 1 }, options)
  await visitor.visit(change)
  const { result } = await visitor.visit(({ expiresAt, endsAt }) => ({
    expires: fixture.from(expiresAt),
    ends: fixture.from(endsAt),
  }))
  return result
}

property('a session lives as long as the options say, also when it ends with the browser', '45-46', async (fixture) => {
  const standard = standardOf(fixture)
  assert.deepEqual(await ends(fixture, () => undefined), standard)
  assert.deepEqual(await ends(fixture, (session) => session.setExpiry('browser')), standard)
})

property('an idle limit of its own is counted from each use', '47-48', async (fixture) => {
  const expected = { expires: 10 * SECOND, ends: 12 * HOUR }
  assert.deepEqual(await ends(fixture, (session) => session.setExpiry('10s')), expected)
  assert.deepEqual(await ends(fixture, (session) => session.setExpiry(10_000)), expected)
})

property('an absolute lifetime of its own ends at a fixed time', '49-50', async (fixture) => {
  const expected = { expires: HOUR, ends: HOUR }
  assert.deepEqual(await ends(fixture, (session) => session.setExpiry({ absolute: '1h', idle: null })), expected)
})

property('a session ends at the given date', '51-52', async (fixture) => {
  const at = new Date(fixture.clock() + 10 * SECOND)
  assert.deepEqual(await ends(fixture, (session) => session.setExpiry(at)), { expires: 10 * SECOND, ends: 10 * SECOND })
})

property('null restores the defaults, even if nothing else was set', '53-54', async (fixture) => {
  const expected = standardOf(fixture)
  assert.deepEqual(await ends(fixture, (session) => session.setExpiry(null)), expected)
  assert.deepEqual(
    await ends(fixture, (session) => {
      session.setExpiry(null)
      session.setExpiry('10s')
      session.setExpiry(null)
    }),
    expected,
  )
})

property('the cookie ends with the browser if the option or the session says so', '55-56', async (fixture) => {
  const life = async (option: boolean, change: (session: AnySession) => void) => {
    const browser = fixture.browser({ expireAtBrowserClose: option })
    return (
      await browser.visit((session) => {
        session.set('a', 1)
        change(session)
      })
    ).maxAge
  }
  const at = () => new Date(fixture.clock() + 10 * SECOND)
  for (const [option, expected] of [
    [true, ['browser', 'browser', 'browser']],
    [false, [10, 'browser', fixture.engine.format.absolute / SECOND]],
  ] as const) {
    const lives = [
      await life(option, (session) => session.setExpiry(at())),
      await life(option, (session) => session.setExpiry('browser')),
      await life(option, (session) => session.setExpiry(null)),
    ]
    assert.deepEqual(lives, expected)
    // A session can ask for a cookie that stays, whatever the option says.
    const kept = await life(option, (session) => session.setExpiry({ absolute: at(), remember: true }))
    assert.equal(kept, 10)
  }
})

property('a session past its own end is gone, on the server as well', '60-61 96-97', async (fixture) => {
  const visitor = await fixture.visitor()
  await visitor.visit((session) => session.setExpiry(new Date(fixture.clock() + 10 * SECOND)))
  const { drift } = fixture.engine
  await fixture.advance(10 * SECOND - 1 - drift)
  assert.equal((await visitor.copy().read()).a, 1)
  // A signed cookie of Django's is valid at the very end, too.
  await fixture.advance(1 + drift + (drift && 1))
  await visitor.visit((session) => {
    assert.deepEqual([session.isNew, session.keys()], [true, []])
    assert.throws(() => session.setExpiry(new Date(fixture.clock() - 10 * SECOND)), /must be in the future/)
  })
})

property('a different default age applies to all sessions', '72-75', async (fixture) => {
  const options = { absolute: '1d', idle: null } as const
  const day = { expires: DAY, ends: DAY }
  assert.deepEqual(await ends(fixture, () => undefined, options), day)
})

property('the test cookie can be set, checked and deleted', '126-127 X19', async (fixture) => {
  const { deleteTestCookie, setTestCookie, testCookieWorked } = await import(
    '../../../packages/strongroom/src/session/test-cookie.ts'
  )
  const visitor = await fixture.visitor()
  await visitor.visit((session) => assert.equal(testCookieWorked(session), false))
  await visitor.visit(setTestCookie)
  await visitor.visit((session) => {
    assert.deepEqual([testCookieWorked(session), session.get('testcookie')], [true, 'worked'])
    deleteTestCookie(session)
  })
  assert.deepEqual(await visitor.read(), { a: 1 })
})
