import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type Guard, type StudioEvent, type StudioOptions, studio } from '@strongroom/studio'
import { serving, shop, signIn } from './browserless.ts'

const PATHS = [
  '/studio',
  '/studio/sessions?user=42',
  '/studio/assets/studio.css',
  '/studio/figures.json',
  '/studio/theme/dark',
]

suite('who is let into the studio', () => {
  test('it does not start without a guard, and says what to write', () => {
    for (const options of [undefined, {}, { guard: undefined }, { guard: true }])
      assert.throws(() => studio(shop(), options as unknown as StudioOptions), {
        name: 'ConfigError',
        message: /^studio\(\) needs a guard, .*guard: async \(request\) =>/,
      })
  })

  test('an option that it does not have is an error that lists the known ones', () => {
    const options = { guard: () => true, readOnly: true } as unknown as StudioOptions
    assert.throws(() => studio(shop(), options), {
      name: 'ConfigError',
      message: /"readOnly".*Known: guard, path, write/,
    })
    const panels: readonly [StudioOptions | object, RegExp][] = [
      [{ lab: 'lab.json' }, /studio\(\): lab must be what strongroom lab --json has printed, parsed: JSON\.parse/],
      [{ lab: {} }, /lab must be/],
      [{ figures: {} }, /figures must be what figures\(sessions\)/],
      [{ advisor: { questions: [] } }, /advisor must be an object with questions and advise\(\)/],
      [{ doctor: null }, /doctor must be an object with diagnose\(\)/],
      [{ on: 3 }, /on must be a function/],
    ]
    for (const [given, message] of panels)
      assert.throws(() => studio(shop(), { guard: () => true, ...given } as StudioOptions), {
        name: 'ConfigError',
        message,
      })
    assert.throws(() => studio({} as never, { guard: () => true }), { name: 'ConfigError', message: /takes sessions/ })
    assert.throws(() => studio(shop(), { guard: () => true, path: 'studio/' }), {
      name: 'ConfigError',
      message: /begins with a slash/,
    })
  })

  for (const [title, guard] of [
    ['false', () => false],
    ['nothing, because it was forgotten', () => undefined],
    ['an object without a name', () => ({})],
    ['a string', () => 'yes'],
    ['a promise of false', async () => false],
  ] as const)
    test(`a guard that returns ${title} makes every page 404, style sheets too`, async (t) => {
      const events: StudioEvent[] = []
      const board = studio(shop(), { guard: guard as unknown as Guard, on: (event) => events.push(event) })
      const site = await serving(t, board.node)
      for (const path of PATHS) {
        const { status, text, headers } = await site.get(path)
        assert.deepEqual([status, text, headers['cache-control']], [404, 'Not Found\n', 'no-store'], path)
      }
      assert.deepEqual(events.at(-1), { type: 'refused', reason: 'guard', operator: null })
    })

  for (const [title, guard] of [
    [
      'throws',
      () => {
        throw new Error('the password is hunter2')
      },
    ],
    ['rejects', async () => Promise.reject(new Error('the password is hunter2'))],
  ] as const)
    test(`a guard that ${title} lets nobody in, tells nothing, and is reported`, async (t) => {
      const events: StudioEvent[] = []
      const board = studio(shop(), { guard, on: (event) => events.push(event) })
      const site = await serving(t, board.node)
      const { status, text } = await site.get('/studio')
      assert.equal(status, 500)
      assert.match(text, /^The guard of this page failed, and nobody was let in\./)
      assert.doesNotMatch(text, /hunter2|Strongroom/i)
      assert.deepEqual(
        events.map(({ type }) => type),
        ['guardFailed'],
      )
    })

  test('without a listener, a guard that throws becomes a warning that does not repeat its message', async (t) => {
    const warnings: Error[] = []
    const listen = (warning: Error) => warnings.push(warning)
    process.on('warning', listen)
    t.after(() => process.off('warning', listen))
    // Its second line looks like one of the stack.
    const failing = () => Promise.reject(new TypeError('hunter2\n    at hunter2'))
    const site = await serving(t, studio(shop(), { guard: failing }).node)
    await site.get('/studio')
    const found = warnings.filter((warning) => (warning as { code?: string }).code === 'STRONGROOM_STUDIO')
    assert.equal(found.length, 1)
    assert.match(String(found[0]?.message), /guard of the studio threw: TypeError/)
    assert.doesNotMatch(`${found[0]?.message}${(found[0] as { detail?: string }).detail}`, /hunter2/)
  })

  test('a Response of the guard is sent as it is, such as a redirect to a page where one signs in', async (t) => {
    const guard = () => new Response(null, { status: 303, headers: { Location: '/sign-in' } })
    const { status, headers } = await (await serving(t, studio(shop(), { guard }).node)).get('/studio')
    assert.deepEqual([status, headers.location], [303, '/sign-in'])
  })

  test('a Response of the guard keeps its own headers, also one whose headers cannot be changed', async (t) => {
    const events: unknown[] = []
    const on = (event: unknown) => events.push(event)
    const moved = studio(shop(), { guard: () => Response.redirect('https://shop.test/sign-in'), on })
    const { status, headers } = await (await serving(t, moved.node)).get('/studio')
    assert.deepEqual([status, headers.location], [302, 'https://shop.test/sign-in'])
    const csp = "default-src 'self'; frame-ancestors 'none'"
    const page = () => new Response('Sign in', { headers: { 'Content-Security-Policy': csp } })
    const own = await (await serving(t, studio(shop(), { guard: page, on }).node)).get('/studio')
    assert.deepEqual([own.status, own.text, own.headers['content-security-policy']], [200, 'Sign in', csp])
    assert.deepEqual(
      events,
      Array.from({ length: 2 }, () => ({ type: 'refused', reason: 'guard', operator: null })),
    )
  })

  test('sessions.get(request) works in the guard, and the name that it returns is shown', async (t) => {
    const sessions = shop()
    const [ada, bob] = [await signIn(sessions, 'ada'), await signIn(sessions, 'bob')]
    const guard: Guard = async (request) => {
      const { userId } = await sessions.get(request)
      return userId === 'ada' && { name: '<Ada>' }
    }
    const site = await serving(t, studio(sessions, { guard }).node)
    assert.equal((await site.get('/studio', { cookie: bob })).status, 404)
    const { status, text } = await site.get('/studio', { cookie: ada })
    assert.equal(status, 200)
    assert.match(text, /Read-only · &lt;Ada&gt;/)
  })
})
