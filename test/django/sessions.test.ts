import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import fc from 'fast-check'
import { createDjangoSessions, type DjangoSessionsOptions } from '../../packages/django/src/sessions.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { type Backend, backends } from './backends.ts'
import { type Django, NOW, OLD_SECRET, SECRET } from './peer.ts'
import { Visitor } from './visitor.ts'

type AnySession = Session<Record<string, unknown>>

const DAY = 86_400_000
const BACKEND = 'django.contrib.auth.backends.ModelBackend'
/** auth_user.password by user id. The tests change it. */
const passwords = new Map<string, string>()

for (const backend of backends)
  suite(`sessions shared with a real Django: ${backend.name}`, { skip: backend.skip }, () => {
    let started: Awaited<ReturnType<Backend['start']>>
    let django: Django
    const clock = manualClock(NOW)
    const events: SessionEvent[] = []
    const cookies = backend.module === 'signed_cookies'

    const sessionsWith = (more: Partial<DjangoSessionsOptions> = {}) =>
      createDjangoSessions({
        store: started.again(),
        secretKey: SECRET,
        password: (userId) => passwords.get(userId) ?? null,
        clock,
        on: (event) => events.push(event),
        ...more,
      })
    let sessions: ReturnType<typeof sessionsWith>
    const at = async (moment: number) => {
      clock.set(moment)
      await django.ask('at', [moment])
    }
    const node = (cookie: string | null = null, of = sessions) => new Visitor(of, cookie)
    const put = (text: string, key: string | null = null, options = {}) =>
      django.ask('put', [backend.module, text, key], options)
    const see = (key: string | null) => django.ask('see', [backend.module, key])

    before(async () => {
      started = await backend.start()
      django = started.django
      sessions = sessionsWith()
      await at(NOW)
    })
    after(async () => {
      await sessions?.close()
      await started?.stop()
    })

    test('Node reads what Django wrote, and Django reads what Node wrote', async () => {
      const visitor = node(await put('{"basket":[1,2],"name":"é 🐍"}'))
      assert.deepEqual(await visitor.visit((session) => [session.get('basket'), session.get('name')]), [[1, 2], 'é 🐍'])
      await visitor.visit((session) => session.set('name', 'other'))
      assert.equal(await see(visitor.cookie), '{"basket":[1,2],"name":"other"}')
      const fresh = node()
      await fresh.visit((session) => session.set('n', 1))
      assert.equal(await see(fresh.cookie), '{"n":1}')
    })

    test('both sides read the same from 200 random sessions, written half by either side', async () => {
      const scalar = fc.oneof(
        fc.string({ unit: 'binary', maxLength: 12 }),
        fc.integer(),
        fc
          .double({ noDefaultInfinity: true, noNaN: true })
          // JSON.stringify writes a large float like an integer, which makes it one in Python.
          .filter((number) => !Number.isInteger(number) || Number.isSafeInteger(number)),
        fc.boolean(),
        fc.constant(null),
        fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
      )
      const value = fc.oneof(
        scalar,
        fc.array(scalar, { maxLength: 4 }),
        fc.dictionary(fc.string({ maxLength: 6 }), scalar, { maxKeys: 4 }),
      )
      const key = fc.string({ minLength: 1, maxLength: 8 }).filter((name) => !/^[~_]|^\d+$/.test(name))
      const content = fc.dictionary(key, value, { minKeys: 1, maxKeys: 5 })
      for (const [i, given] of fc.sample(content, 200).entries()) {
        const plain = JSON.parse(JSON.stringify(given))
        const visitor = node(i % 2 ? await put(JSON.stringify(plain)) : null)
        if (i % 2 === 0)
          await visitor.visit((session) => {
            for (const [name, each] of Object.entries(plain)) session.set(name, each)
          })
        const here = await visitor.visit((session) => session.keys().map((name) => [name, session.get(name)]))
        assert.deepEqual(
          here,
          Object.entries(plain).map(([name, each]) => [name, each]),
        )
        assert.deepEqual(JSON.parse(await see(visitor.cookie)), plain)
      }
    })

    const ODD =
      '{"10":1.0,"2":12345678901234567890,"b":1e+22,"nan":NaN,"__proto__":{"x":1.5},"s":"\\ud83d","list":[1.0,{"big":-9007199254740993}]}'
    test('what nobody changed is preserved exactly through a change, a renewal and a login', async () => {
      passwords.set('7', 'pbkdf2$7')
      const visitor = node(await put(ODD))
      assert.equal(await see(visitor.cookie), ODD)
      await visitor.visit((session) => session.set('new', 1))
      const changed = ODD.replace(/}$/, ',"new":1}')
      assert.equal(await see(visitor.cookie), changed)
      const before = visitor.cookie
      await visitor.visit((session) => session.renew())
      if (!cookies) assert.notEqual(visitor.cookie, before)
      assert.equal(await see(visitor.cookie), changed)
      await visitor.visit((session) => session.login('7'))
      const signedIn = await see(visitor.cookie)
      assert.equal(signedIn.slice(0, changed.length - 1), changed.slice(0, -1))
      assert.match(
        signedIn,
        /,"_auth_user_id":"7","_auth_user_backend":"django[^"]+","_auth_user_hash":"[0-9a-f]{64}"}$/,
      )
    })

    test('integers that a number cannot hold are read as their digits, and keys like __proto__ are data', async () => {
      const visitor = node(await put(ODD))
      await visitor.visit((session) => {
        assert.equal(session.get('2'), '12345678901234567890')
        assert.equal(session.get('nan'), 'NaN')
        assert.deepEqual(session.get('__proto__'), { x: 1.5 })
        assert.equal(session.get('10'), 1)
        assert.ok(!session.keys().some((key) => key.startsWith('~')))
      })
    })

    test('long sessions are compressed on both sides, to the same bytes', async () => {
      const text = JSON.stringify({ long: 'abcdefgh'.repeat(40), n: 1 })
      const [theirs, visitor] = [await put(text), node()]
      await visitor.visit((session) => {
        session.set('long', 'abcdefgh'.repeat(40))
        session.set('n', 1)
      })
      assert.equal(await see(visitor.cookie), text)
      assert.deepEqual(await node(theirs).visit((session) => [session.get('long'), session.get('n')]), [
        'abcdefgh'.repeat(40),
        1,
      ])
      const stored = async (key: string | null) => (cookies ? key : (await django.ask('row', [key]))?.[0])
      if (backend.module === 'file') return
      assert.match(await stored(theirs), /^\./)
      assert.equal(await stored(visitor.cookie), await stored(theirs))
    })

    test('a user id that is stored as an integer is that of the user', async () => {
      passwords.set('42', 'pbkdf2$42')
      const key = await put('{"a":1}', null, { user: 42, password: 'pbkdf2$42' })
      const visitor = node(key)
      assert.equal(await visitor.visit((session) => session.userId), '42')
      await visitor.visit((session) => session.set('a', 2))
      assert.match(await see(visitor.cookie), /"_auth_user_id":42,/)
    })

    test('null can be stored in the place of a NaN, at any depth', async () => {
      const visitor = node(await put('{"a":NaN,"b":{"c":[Infinity,1.0]},"d":NaN}'))
      await visitor.visit((session) => {
        session.set('a', null)
        ;(session.get('b') as { c: unknown[] }).c[0] = null
      })
      assert.equal(await see(visitor.cookie), '{"a":null,"b":{"c":[null,1.0]},"d":NaN}')
    })

    suite('a login', () => {
      test('a login on either side is valid on the other', async () => {
        passwords.set('42', 'pbkdf2$42')
        const visitor = node()
        await visitor.visit((session) => session.set('basket', 1))
        const anonymous = visitor.cookie
        await visitor.visit((session) => session.login('42'))
        assert.notEqual(visitor.cookie, anonymous)
        assert.equal(await django.ask('user', [backend.module, visitor.cookie, 'pbkdf2$42']), '42')
        if (!cookies) assert.equal(await see(anonymous), null)
        const theirs = node(await put('{"a":1}', null, { user: '42', password: 'pbkdf2$42' }))
        assert.equal(await theirs.visit((session) => session.userId), '42')
      })

      test('a login ends when the password changes on either side', async () => {
        passwords.set('42', 'pbkdf2$42')
        const visitor = node(await put('{}', null, { user: '42', password: 'pbkdf2$42' }))
        const own = node()
        await own.visit((session) => session.login('42'))
        passwords.set('42', 'pbkdf2$new')
        events.length = 0
        for (const each of [visitor, own]) {
          assert.equal(await each.visit((session) => session.userId), null)
          assert.equal(await django.ask('user', [backend.module, each.cookie, 'pbkdf2$new']), null)
        }
        assert.ok(events.some((event) => event.type === 'rejected' && event.reason === 'credential'))
        passwords.delete('42')
        assert.equal(await visitor.visit((session) => session.userId), null)
      })

      test('a login without the hash of the password, or with a wrong one, is not valid', async () => {
        passwords.set('42', 'pbkdf2$42')
        const none = `{"_auth_user_id":"42","_auth_user_backend":"${BACKEND}"}`
        for (const text of [
          none,
          none.replace('}', ',"_auth_user_hash":"00"}'),
          none.replace('}', ',"_auth_user_hash":null}'),
        ])
          assert.equal(await node(await put(text)).visit((session) => session.userId), null)
      })

      test('a login under an older key stays valid, and the next write replaces its hash', async () => {
        passwords.set('42', 'pbkdf2$42')
        const old = sessionsWith({ secretKey: OLD_SECRET })
        const visitor = node(null, old)
        await visitor.visit((session) => session.login('42'))
        const now = node(visitor.cookie, sessionsWith({ secretKeyFallbacks: [OLD_SECRET] }))
        assert.equal(await now.visit((session) => session.userId), '42')
        await now.visit((session) => session.set('a', 1))
        assert.equal(await django.ask('user', [backend.module, now.cookie, 'pbkdf2$42']), '42')
        assert.equal(await node(now.cookie).visit((session) => session.userId), '42')
      })

      test('the session that changed the password goes on in Django, under another key and with its backend', async () => {
        passwords.set('42', 'pbkdf2$42')
        const here = node(
          await put('{"a":1.0}', null, { user: '42', password: 'pbkdf2$42' }),
          sessionsWith({ authBackend: 'x' }),
        )
        const old = here.cookie
        await here.visit((session) => {
          passwords.set('42', 'pbkdf2$new')
          session.credentialChanged()
        })
        assert.notEqual(here.cookie, old)
        assert.equal(await django.ask('user', [backend.module, here.cookie, 'pbkdf2$new']), '42')
        assert.match(
          await see(here.cookie),
          new RegExp(`^{"a":1.0,"_auth_user_id":"42","_auth_user_backend":"${BACKEND}"`),
        )
        assert.equal(await node(old).visit((session) => session.userId), null)
      })

      test('a credential is asked for and never taken, because the hash is of the password field', async () => {
        passwords.set('42', 'pbkdf2$42')
        const cookie = await put('{}', null, { user: '42', password: 'pbkdf2$42' })
        for (const work of [
          (session: AnySession) => session.credentialChanged('pbkdf2$new'),
          (session: AnySession) => session.login('42', { credential: 'pbkdf2$new' }),
        ])
          await assert.rejects(node(cookie).visit(work), {
            code: 'STRONGROOM_UNSUPPORTED',
            message: /the option "password"/,
          })
        await assert.rejects(
          node(cookie, sessionsWith({ password: false })).visit((session) => session.credentialChanged()),
          { code: 'STRONGROOM_UNSUPPORTED', message: /credentialChanged\(\) need/ },
        )
      })

      test('a login does not end when the password cannot be read', async () => {
        passwords.set('42', 'pbkdf2$42')
        const cookie = await put('{}', null, { user: '42', password: 'pbkdf2$42' })
        for (const password of [
          () => {
            throw new Error('down')
          },
          // A database that hangs, and a query that does not select the column.
          () => new Promise<string>(() => undefined),
          () => undefined as never,
        ])
          await assert.rejects(
            node(cookie, sessionsWith({ password, storeTimeout: 500 })).visit(() => undefined),
            { code: 'STRONGROOM_STORE', message: /password/ },
          )
        assert.equal(await node(cookie).visit((session) => session.userId), '42')
      })
    })

    test('a logout on either side ends the session on the other', {
      skip: cookies && 'a signed cookie cannot be revoked',
    }, async () => {
      passwords.set('42', 'pbkdf2$42')
      const one = node(await put('{}', null, { user: '42', password: 'pbkdf2$42' }))
      const key = one.cookie
      await one.visit((session) => session.logout())
      assert.equal(one.cookie, null)
      assert.match(String(one.line), /Max-Age=0/)
      assert.equal(await see(key), null)
      const other = node()
      await other.visit((session) => session.login('42'))
      await django.ask('flush', [backend.module, other.cookie])
      assert.equal(await other.visit((session) => session.userId), null)
    })

    test('a save does not restore a session that the other side has ended', {
      skip: cookies && 'a signed cookie cannot be revoked',
    }, async () => {
      const visitor = node(await put('{"a":1}'))
      await assert.rejects(
        visitor.visit(async (session) => {
          session.set('a', 2)
          await django.ask('flush', [backend.module, visitor.cookie])
        }),
        { code: 'STRONGROOM_GONE' },
      )
      assert.equal(await django.ask('exists', [backend.module, visitor.cookie]), false)
    })

    test('a concurrent change by Django is merged with the change here', {
      skip: cookies && 'of two cookies, the last one wins',
    }, async () => {
      const visitor = node(await put('{"a":1,"f":1.0}'))
      await visitor.visit(async (session) => {
        session.set('b', 2)
        await put('{"theirs":2.0}', visitor.cookie)
      })
      assert.equal(await see(visitor.cookie), '{"a":1,"f":1.0,"theirs":2.0,"b":2}')
    })

    test('concurrent increments are all counted', {
      skip: cookies && 'of two cookies, the last one wins',
    }, async () => {
      const cookie = await put('{"n":0}')
      const count = backend.module === 'file' ? 50 : 200
      await Promise.all(
        Array.from({ length: count }, () => node(cookie).visit((session) => session.update('n', (n) => Number(n) + 1))),
      )
      assert.equal(await see(cookie), `{"n":${count}}`)
    })

    suite('expiry', () => {
      const ages = (cookie: string | null) => django.ask('expiry', [backend.module, cookie])

      test('by default, a session ends a fixed time after its last save', async () => {
        const visitor = node()
        await visitor.visit((session) => session.set('a', 1))
        assert.match(String(visitor.line), /Max-Age=1209600/)
        assert.deepEqual(await ages(visitor.cookie), [1209600, false])
        await at(NOW + 10 * DAY)
        await visitor.visit((session) => session.get('a'))
        assert.equal(visitor.line, null)
        await at(NOW + 14 * DAY + 1)
        assert.equal(await visitor.visit((session) => session.has('a')), false)
        await at(NOW)
      })

      test('each save starts the lifetime again, and sends the cookie again', async () => {
        const visitor = node(await put('{"a":1}'))
        await at(NOW + 10 * DAY)
        await visitor.visit((session) => session.set('a', 2))
        assert.match(String(visitor.line), /Max-Age=1209600/)
        await at(NOW + 20 * DAY)
        assert.equal(await visitor.visit((session) => session.get('a')), 2)
        assert.equal(await see(visitor.cookie), '{"a":2}')
        await at(NOW)
      })

      test('with saveEveryRequest, reading a session extends it', async () => {
        const visitor = node(await put('{"a":1}'), sessionsWith({ saveEveryRequest: true }))
        for (let day = 10; day <= 50; day += 10) {
          await at(NOW + day * DAY)
          assert.equal(await visitor.visit((session) => session.get('a')), 1)
          assert.match(String(visitor.line), /Max-Age=1209600/)
        }
        assert.equal(await see(visitor.cookie), '{"a":1}')
        await at(NOW)
      })

      for (const [title, expiry, life] of [
        ['seconds', 300, 300_000],
        ['a moment', '2023-11-14T22:18:20+00:00', 300_000],
        ['a moment with microseconds', '2023-11-14T22:18:20.500000+00:00', 300_500],
      ] as const)
        test(`an expiry that Django set as ${title} is effective here`, async () => {
          const cookie = await put(JSON.stringify({ a: 1, _session_expiry: expiry }))
          await at(NOW + life - 1000)
          assert.equal(await node(cookie).visit((session) => session.get('a')), 1)
          await at(NOW + life + 1)
          assert.equal(await node(cookie).visit((session) => session.has('a')), false)
          await at(NOW)
        })

      test('an expiry in seconds is counted from each save, and a moment is fixed', async () => {
        const seconds = node(await put('{"_session_expiry":300}'))
        const moment = node(await put('{"_session_expiry":"2023-11-14T22:18:20+00:00"}'))
        await at(NOW + 200_000)
        for (const each of [seconds, moment]) await each.visit((session) => session.set('a', 1))
        assert.match(String(seconds.line), /Max-Age=300;/)
        assert.match(String(moment.line), /Max-Age=100;/)
        await at(NOW + 400_000)
        assert.equal(await seconds.visit((session) => session.has('a')), true)
        assert.equal(await moment.visit((session) => session.has('a')), false)
        await at(NOW)
      })

      test('an expiry that is set here in any form is what Django reads', async () => {
        const forms: [set: (visitor: Visitor) => Promise<unknown>, stored: string | null, ages: [number, boolean]][] = [
          [(v) => v.visit((s) => s.setExpiry('5m')), '300', [300, false]],
          [(v) => v.visit((s) => s.setExpiry(new Date(NOW + DAY))), '"2023-11-15T22:13:20+00:00"', [86400, false]],
          [(v) => v.visit((s) => s.setExpiry({ absolute: '1h' })), '"2023-11-14T23:13:20+00:00"', [3600, false]],
          [(v) => v.visit((s) => s.setExpiry({ remember: false })), '0', [1209600, true]],
          [(v) => v.visit((s) => s.setExpiry({ remember: true })), null, [1209600, false]],
          [(v) => v.visit((s) => s.setExpiry('browser')), '0', [1209600, true]],
          [(v) => v.visit((s) => [s.setExpiry(null), s.setExpiry('7m')]), '420', [420, false]],
          [(v) => v.visit((s) => s.setExpiry({ remember: true })), '420', [420, false]],
          [(v) => v.visit((s) => s.setExpiry({ idle: null })), '420', [420, false]],
          [(v) => v.visit((s) => s.set('_session_expiry', 77)), '77', [77, false]],
          [(v) => v.visit((s) => s.delete('_session_expiry')), null, [1209600, false]],
          [(v) => v.visit((s) => s.set('_session_expiry', 88)), '88', [88, false]],
          [(v) => v.visit((s) => s.setExpiry(null)), null, [1209600, false]],
        ]
        for (const from of [null, '{"a":1}']) {
          const visitor = node(from && (await put(from)))
          if (from === null) await visitor.visit((session) => session.set('a', 1))
          for (const [set, stored, ages_] of forms) {
            await set(visitor)
            assert.equal(await see(visitor.cookie), stored === null ? '{"a":1}' : `{"a":1,"_session_expiry":${stored}}`)
            assert.deepEqual(await ages(visitor.cookie), ages_)
            assert.equal(/Max-Age/.test(String(visitor.line)), !ages_[1])
          }
        }
      })

      test('an expiry can be set on a new session and at a login', async () => {
        passwords.set('42', 'pbkdf2$42')
        const fresh = node()
        await fresh.visit((session) => {
          session.set('a', 1)
          session.setExpiry('5m')
        })
        assert.equal(await see(fresh.cookie), '{"a":1,"_session_expiry":300}')
        const remembered = node()
        await remembered.visit((session) => session.login('42', { remember: '30d' }))
        assert.equal(JSON.parse(await see(remembered.cookie))._session_expiry, 2592000)
        const plain = node()
        await plain.visit((session) => session.login('42', { remember: true }))
        assert.equal(JSON.parse(await see(plain.cookie))._session_expiry, undefined)
        const brief = node()
        await brief.visit((session) => session.login('42', { remember: false }))
        assert.equal(JSON.parse(await see(brief.cookie))._session_expiry, 0)
        assert.doesNotMatch(String(brief.line), /Max-Age|expires/i)
        const dated = node()
        await dated.visit((session) => {
          session.login('42', { remember: '30d' })
          session.setExpiry(new Date(NOW + DAY))
        })
        assert.equal(JSON.parse(await see(dated.cookie))._session_expiry, '2023-11-15T22:13:20+00:00')
        const closing = node(null, sessionsWith({ expireAtBrowserClose: true }))
        await closing.visit((session) => session.login('42'))
        assert.doesNotMatch(String(closing.line), /Max-Age|expires/i)
        await closing.visit((session) => session.login('42', { remember: true }))
        assert.equal(JSON.parse(await see(closing.cookie))._session_expiry, 1209600)
        await closing.visit((session) => session.setExpiry('browser'))
        assert.equal(JSON.parse(await see(closing.cookie))._session_expiry, 0)
        await closing.visit((session) => session.setExpiry(null))
        assert.equal(JSON.parse(await see(closing.cookie))._session_expiry, undefined)
        assert.doesNotMatch(String(closing.line), /Max-Age|expires/i)
      })

      test('an expiry is preserved by a save in the middle of a request', async () => {
        const visit = sessions.open({})
        const session = await visit.get()
        session.set('a', 1)
        session.setExpiry('5m')
        await visit.save()
        session.set('a', 2)
        await visit.save()
        session.set('b', 1.5)
        const { setCookie } = await visit.commit()
        assert.equal(
          await see(/sessionid=([^;]*)/.exec(String(setCookie))?.[1] ?? null),
          '{"a":2,"_session_expiry":300,"b":1.5}',
        )
      })

      test('expired sessions are removed in batches, and nothing else is', {
        skip: cookies && 'nothing is stored on the server',
      }, async () => {
        await at(NOW + 400 * DAY)
        await sessions.clearExpired()
        const live = await put('{"a":1}')
        const short = await Promise.all(
          Array.from({ length: 5 }, () => put('{"_session_expiry":"2024-12-18T22:13:30+00:00"}')),
        )
        await at(NOW + 400 * DAY + 60_000)
        assert.equal(await sessions.clearExpired({ dryRun: true, batch: 2 }), short.length)
        assert.equal(await sessions.clearExpired({ batch: 2 }), short.length)
        assert.equal(await sessions.clearExpired(), 0)
        assert.equal(await see(live), '{"a":1}')
        await at(NOW)
      })
    })

    suite('bad input', () => {
      test('a cookie that Django cannot have made gives an empty session and an event, and no error', async () => {
        for (const cookie of [
          'x',
          'abc',
          'a'.repeat(41),
          'A'.repeat(32),
          '../../../etc/passwd',
          '"\\000aaaaaaaa"',
          'aaaaaaaa%00',
          "'; DROP TABLE django_session; --",
          'é'.repeat(12),
          'a:b:c',
          '.a:1:b',
          'z'.repeat(20_000),
        ]) {
          events.length = 0
          assert.equal(await node(cookie).visit((session) => session.isNew), true)
          assert.deepEqual(
            events.map(({ type }) => type),
            ['rejected'],
            cookie,
          )
        }
      })

      test('a key without a session is never used for a new one', {
        skip: cookies && 'a signed cookie has no key',
      }, async () => {
        const visitor = node('someunknownkey0000000000000000aa')
        await visitor.visit((session) => session.set('a', 1))
        assert.notEqual(visitor.cookie, 'someunknownkey0000000000000000aa')
        assert.equal(await django.ask('exists', [backend.module, 'someunknownkey0000000000000000aa']), false)
      })

      test('of two cookies, the last one counts, as in Django, and an event reports the other', async () => {
        const [one, two] = [await put('{"n":1}'), await put('{"n":2}')]
        events.length = 0
        const visit = sessions.open({ cookie: `sessionid=${one}; other=1; sessionid=${two}` })
        assert.equal((await visit.get()).get('n'), 2)
        assert.ok(events.some((event) => event.type === 'rejected' && event.reason === 'duplicate'))
        const quoted = sessions.open({ cookie: ` sessionid="${two}" ` })
        assert.equal((await quoted.get()).get('n'), 2)
      })

      test('a session that was signed with another key is an empty one on both sides', async () => {
        const other = node(null, sessionsWith({ secretKey: 'another secret' }))
        await other.visit((session) => session.set('admin', true))
        events.length = 0
        assert.equal(await node(other.cookie).visit((session) => session.has('admin')), false)
        assert.ok(events.some((event) => event.type === 'rejected' && event.reason === 'forged'))
        assert.ok(['{}', null].includes(await see(other.cookie)))
      })

      test('a session whose data is no object fails on both sides, and is not reported as an attack', async () => {
        for (const data of ['[]', '[1]', '"x"', '5', 'true']) {
          const key = await django.ask('put_data', [backend.module, data])
          events.length = 0
          await assert.rejects(see(key), { name: /^(Attribute|Type)Error$/ }, data)
          await assert.rejects(
            node(key).visit((session) => session.isNew),
            { code: 'STRONGROOM_UNSUPPORTED', message: /is not an object/ },
            data,
          )
          assert.deepEqual(
            events.filter(({ type }) => type === 'rejected'),
            [],
            data,
          )
        }
      })

      test('Django’s own keys cannot be set', async () => {
        for (const key of ['_auth_user_id', '_auth_user_hash', '_auth_user_backend'])
          await assert.rejects(
            node().visit((session) => session.set(key, '1')),
            { code: 'STRONGROOM_DATA' },
          )
      })
    })
  })
