import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, suite, test } from 'node:test'
import { deflateSync } from 'node:zlib'
import { djangoCookies } from '../../packages/django/src/engine.ts'
import { endOf, endsWithBrowser, expiryIn, isoOf } from '../../packages/django/src/expiry.ts'
import { readJson } from '../../packages/django/src/json/read.ts'
import { sessionCodec } from '../../packages/django/src/session-data.ts'
import { createDjangoSessions, type DjangoSessionsOptions } from '../../packages/django/src/sessions.ts'
import { TimestampSigner } from '../../packages/django/src/signer.ts'
import { djangoFiles } from '../../packages/django/src/stores/files.ts'
import { djangoMysql } from '../../packages/django/src/stores/mysql.ts'
import { djangoPostgres } from '../../packages/django/src/stores/postgres.ts'
import { djangoSqlite } from '../../packages/django/src/stores/sqlite.ts'
import { ConfigError, UnsupportedError } from '../../packages/strongroom/src/errors.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { Django, djangoNeed, NO_LEGACY, NOW, OLD_SECRET, SECRET } from './peer.ts'
import { vectors } from './vectors.ts'
import { Visitor } from './visitor.ts'

const clock = manualClock(NOW)
const DAY = 86_400_000
const codecWith = (more: object = {}) =>
  sessionCodec({ secretKey: SECRET, salt: vectors.salts.session_data, legacy: false, maxSize: 10_000, clock, ...more })

/** A table like the one that Django 5.2 creates. */
function table(): DatabaseSync {
  const database = new DatabaseSync(':memory:')
  database.exec(
    'CREATE TABLE "django_session" ("session_key" varchar(40) NOT NULL PRIMARY KEY, "session_data" text NOT NULL, "expire_date" datetime NOT NULL); CREATE INDEX "django_session_expire_date_a5c62663" ON "django_session" ("expire_date")',
  )
  return database
}
const insert = (database: DatabaseSync, key: string, data: string, expires = '2023-11-28 22:13:20') =>
  database.prepare('INSERT INTO django_session VALUES (?, ?, ?)').run(key, data, expires)
const over = (database: DatabaseSync, more: Partial<DjangoSessionsOptions> = {}) =>
  createDjangoSessions({ store: djangoSqlite(database), secretKey: SECRET, password: false, clock, ...more })

suite('session_data', () => {
  for (const { name, signed, json } of vectors.session_data)
    test(`${name}, as signed by Django 5.2, is read and written byte for byte`, () => {
      const codec = codecWith()
      const data = codec.decode(signed)
      assert.ok('document' in data)
      assert.equal(data.document.raw, json)
      assert.equal(data.signedAt, NOW)
      assert.equal(codec.encode(json), signed)
    })

  for (const { name, signed, json } of vectors.signed_cookies)
    test(`${name} in a signed cookie is written byte for byte`, () =>
      assert.equal(codecWith({ salt: vectors.salts.signed_cookies }).encode(json), signed))

  for (const { name, input, decoded } of vectors.reader_cases)
    test(`session_data with ${name} is read like in Django`, async () => {
      const database = table()
      insert(database, 'a'.repeat(32), input)
      const events: SessionEvent[] = []
      const sessions = over(database, { on: (event) => events.push(event) })
      const visitor = new Visitor(sessions, 'a'.repeat(32))
      const seen = await visitor.visit((session) =>
        Object.fromEntries(session.keys().map((key) => [key, session.get(key)])),
      )
      assert.deepEqual(seen, decoded)
      assert.equal(
        events.some(({ type }) => type === 'rejected'),
        Object.keys(decoded).length === 0,
      )
    })

  test('session_data that cannot be read is refused with a reason, and a pickle or a list is an error', () => {
    const signer = new TimestampSigner({ key: SECRET, salt: vectors.salts.session_data, clock })
    const signed = (body: string | Buffer, dot = '') => signer.sign(dot + Buffer.from(body).toString('base64url'))
    const cases: [text: string, reason: string][] = [
      ['', 'forged'],
      ['::', 'forged'],
      ['bad:encoded:value', 'forged'],
      [Buffer.from('flaskdj:alkdjf').toString('base64'), 'forged'],
      ['\0', 'forged'],
      [signer.sign('%%%'), 'malformed'],
      [signer.sign('e30=e'), 'malformed'],
      [signed('{'), 'malformed'],
      [signed('no stream', '.'), 'malformed'],
      [signed(deflateSync(`{"a":"${'a'.repeat(20_000)}"}`), '.'), 'malformed'],
      [signed(`{"a":${'['.repeat(3000)}`), 'malformed'],
    ]
    for (const [text, reason] of cases)
      assert.deepEqual(codecWith({ legacy: true }).decode(text), { refused: reason }, text.slice(0, 40))
    for (const [text, reason] of cases)
      assert.deepEqual(codecWith().decode(text), { refused: reason }, text.slice(0, 40))
    for (const text of [signed(Buffer.from('8004950b', 'hex')), signed('[1]'), signed('"x"'), signed('null')])
      assert.throws(() => codecWith().decode(text), UnsupportedError)
  })

  test('the salt of another session store class does not verify', () => {
    const other = codecWith({ salt: 'django.contrib.sessions.MyStore' })
    assert.deepEqual(other.decode(codecWith().encode('{}')), { refused: 'forged' })
  })

  test('rows of Django before 3.1 are read with the option legacy, and written in today’s format', {
    skip: djangoNeed.skip,
  }, async (test) => {
    const django = await Django.start()
    const isOld = await django.writesLegacy()
    const old = await django.ask('encode', ['{"name":"é","n":1.0}', true])
    await django.stop()
    if (!isOld) return test.skip(NO_LEGACY)
    assert.doesNotMatch(old, /:/)
    assert.deepEqual(codecWith().decode(old), { refused: 'forged' })
    assert.deepEqual(codecWith({ legacy: true, secretKey: 'other' }).decode(old), { refused: 'forged' })
    const data = codecWith({ legacy: true, secretKey: 'new', secretKeyFallbacks: [SECRET] }).decode(old)
    assert.ok('document' in data)
    assert.equal(
      data.document.raw,
      '{"name": "é", "n": 1.0}'.replace('é', '\\u00e9').replaceAll(': ', ':').replace(', ', ','),
    )
    const database = table()
    insert(database, 'a'.repeat(32), old)
    const visitor = new Visitor(over(database, { legacy: true }), 'a'.repeat(32))
    await visitor.visit((session) => session.set('more', 1))
    const row = database.prepare('SELECT session_data FROM django_session').get() as { session_data: string }
    const now = codecWith().decode(row.session_data)
    assert.ok('document' in now)
    assert.match(now.document.raw, /"n":\s?1\.0,"more":1}$/)
  })
})

suite('_session_expiry', () => {
  const ages = { cookieAge: 14 * DAY, expireAtBrowserClose: false }
  const said = (json: string) => expiryIn(readJson(json))
  test('_session_expiry is understood in all its forms, and counts as absent when it makes no sense', () => {
    for (const [json, end, browser] of [
      ['null', NOW + 14 * DAY, false],
      ['0', NOW + 14 * DAY, true],
      ['false', NOW + 14 * DAY, true],
      ['300', NOW + 300_000, false],
      ['1.5', NOW + 1500, false],
      ['-10', NOW - 10_000, false],
      ['true', NOW + 1000, false],
      ['"2023-11-15T22:13:20+00:00"', NOW + DAY, false],
      ['"2023-11-15T22:13:20"', NOW + DAY, false],
      ['"2023-11-15 22:13:20.000500+00:00"', NOW + DAY, false],
      ['"2023-11-16T00:13:20.123456+02:00"', NOW + DAY + 123, false],
      ['"2023-11-15T17:43:20-04:30"', NOW + DAY, false],
      ['"2023-11-15T22:13:20Z"', NOW + DAY, false],
      ['"soon"', NOW + 14 * DAY, false],
      ['[]', NOW + 14 * DAY, false],
      ['NaN', NOW + 14 * DAY, false],
      ['12345678901234567890', NOW + 14 * DAY, false],
      ['1e15', NOW + 14 * DAY, false],
      ['-1e15', NOW + 14 * DAY, false],
      ['9007199254740991', NOW + 14 * DAY, false],
      ['100000000000', NOW + 1e14, false],
      ['-100000000000', Date.parse('0001-01-01T00:00:00Z'), false],
      ['"2024-13-45T00:00:00"', NOW + 14 * DAY, false],
      ['"2024-02-30T00:00:00"', NOW + 14 * DAY, false],
      ['"2024-02-29T00:00:00"', Date.UTC(2024, 1, 29), false],
      ['"2023-11-15T24:00:00"', NOW + 14 * DAY, false],
      ['"2023-11-15T22:60:00"', NOW + 14 * DAY, false],
      ['"2023-11-15T22:13:60"', NOW + 14 * DAY, false],
      ['"2023-11-15T22:13:20+24:00"', NOW + 14 * DAY, false],
      ['"0000-01-01T00:00:00"', NOW + 14 * DAY, false],
      ['"0050-01-01T00:00:00"', Date.parse('0050-01-01T00:00:00Z'), false],
      ['"9999-12-31T23:59:59.999999+00:00"', Date.parse('9999-12-31T23:59:59.999Z'), false],
      ['"9999-12-31T23:59:59-01:00"', NOW + 14 * DAY, false],
    ] as const) {
      assert.equal(endOf(said(json), NOW, ages), end, json)
      assert.equal(endsWithBrowser(said(json), ages), browser, json)
    }
    assert.equal(endsWithBrowser(expiryIn(undefined), { ...ages, expireAtBrowserClose: true }), true)
    for (const json of ['300', '"2023-11-15T22:13:20+00:00"'])
      assert.equal(endsWithBrowser(said(json), { ...ages, expireAtBrowserClose: true }), false, json)
    assert.equal(isoOf(NOW + 5), '2023-11-14T22:13:20.005000+00:00')
  })
})

suite('a session whose _session_expiry is damaged', () => {
  for (const value of ['1e15', '-1e15', '9007199254740991', '"2024-13-45T00:00:00"', '"+099999-01-01"', '[1]'])
    test(`counts as one without it, and can be used and saved: ${value}`, async () => {
      const database = table()
      insert(database, 'a'.repeat(32), codecWith().encode(`{"a":1,"_session_expiry":${value}}`), '2023-11-15 22:13:20')
      const visitor = new Visitor(over(database), 'a'.repeat(32))
      await visitor.visit((session) => session.set('a', 2))
      assert.equal(await visitor.visit((session) => session.get('a')), 2)
      const row = database.prepare('SELECT expire_date FROM django_session').get()
      assert.equal(row?.expire_date, '2023-11-28 22:13:20')
    })

  test('which is far in the future is used and saved', async () => {
    for (const [value, end] of [
      ['"9999-12-31T23:59:59.999999+00:00"', '9999-12-31 23:59:59.999000'],
      ['"9999-06-01T00:00:00"', '9999-06-01 00:00:00'],
      ['100000000000', /^5192-/],
    ] as const) {
      const database = table()
      insert(database, 'a'.repeat(32), codecWith().encode(`{"a":1,"_session_expiry":${value}}`), '2023-11-15 22:13:20')
      const visitor = new Visitor(over(database), 'a'.repeat(32))
      await visitor.visit((session) => session.set('a', 2))
      assert.equal(await visitor.visit((session) => session.get('a')), 2)
      const row = database.prepare('SELECT expire_date FROM django_session').get() as { expire_date: string }
      assert.match(row.expire_date, new RegExp(end))
    }
  })
})

suite('the vectors', () => {
  test('the vectors contain no part and no case that these tests ignore', () => {
    const counts = Object.entries(vectors).flatMap(([part, of]) => (Array.isArray(of) ? [`${part} ${of.length}`] : []))
    assert.deepEqual(counts, [
      'session_data 9',
      'signed_cookies 9',
      'set_signed_cookie_v2 6',
      'set_signed_cookie_legacy 5',
      'reader_cases 9',
    ])
  })
})

suite('the table', () => {
  test('a row that Django wrote is read until the exact moment that it expires', async () => {
    const { session_key, session_data, expire_date_utc } = vectors.db_row
    const database = table()
    insert(database, session_key, session_data, expire_date_utc.replace('T', ' ').replace('Z', ''))
    const has = () => new Visitor(over(database), session_key).visit((session) => session.has('cat'))
    clock.set(Date.parse(expire_date_utc) - 1)
    assert.equal(await has(), true)
    clock.set(Date.parse(expire_date_utc))
    assert.equal(await has(), false)
    clock.set(NOW)
  })

  test('a row is written like Django writes it', async () => {
    const database = table()
    clock.set(NOW + 250)
    const visitor = new Visitor(over(database))
    await visitor.visit((session) => session.set('a', 1))
    clock.set(NOW)
    await visitor.visit((session) => session.set('a', 2))
    const row = database.prepare('SELECT * FROM django_session').get() as Record<string, string>
    assert.match(String(row.session_key), /^[a-z0-9]{32}$/)
    assert.equal(row.expire_date, '2023-11-28 22:13:20')
    assert.equal(row.session_key, visitor.cookie)
  })

  test('a row that expires at this moment is not loaded, and is removed by a sweep', async () => {
    const database = table()
    insert(database, 'a'.repeat(32), codecWith().encode('{"a":1}'), '2023-11-14 22:13:20')
    insert(database, 'b'.repeat(32), codecWith().encode('{"a":1}'), '2023-11-14 22:13:20.000900')
    const sessions = over(database)
    assert.equal(await new Visitor(sessions, 'a'.repeat(32)).visit((session) => session.has('a')), false)
    assert.equal(await sessions.clearExpired(), 1)
  })

  test('a session that would be too large to read again is not written', async () => {
    const sessions = over(table(), { maxSize: 1000 })
    await assert.rejects(
      new Visitor(sessions).visit((session) => session.set('large', 'a'.repeat(1000))),
      { code: 'STRONGROOM_TOO_LARGE', message: /'large'/ },
    )
  })

  test('a table with another name works, and an expire_date that is not a date is an error', async () => {
    const database = table()
    database.exec('ALTER TABLE django_session RENAME TO shop_session')
    const sessions = over(database, { store: djangoSqlite({ database, table: 'shop_session' }) })
    const visitor = new Visitor(sessions)
    await visitor.visit((session) => session.set('a', 1))
    database.exec("UPDATE shop_session SET expire_date = '9999-12-31 00:00:00'")
    assert.equal(await visitor.visit((session) => session.has('a')), true)
    database.exec("UPDATE shop_session SET expire_date = 'never'")
    await assert.rejects(
      visitor.visit(() => undefined),
      { code: 'STRONGROOM_STORE' },
    )
  })

  test('a missing table is a store error and not a logout, and the error contains no key', async () => {
    const database = new DatabaseSync(':memory:')
    const key = 'k'.repeat(32)
    const check = (error: Error) => {
      assert.equal((error as { code?: string }).code, 'STRONGROOM_STORE')
      assert.ok(!`${error.stack} ${(error.cause as Error | undefined)?.message}`.includes(key))
      return true
    }
    await assert.rejects(
      new Visitor(over(database), key).visit(() => undefined),
      check,
    )
    const missing = over(database, { store: djangoSqlite(join(tmpdir(), 'no-such-folder', 'db.sqlite3')) })
    await assert.rejects(
      new Visitor(missing, key).visit(() => undefined),
      check,
    )
  })
})

suite('the files', () => {
  const dir = mkdtempSync(join(tmpdir(), 'strongroom-django-'))
  after(() => rmSync(dir, { recursive: true }))
  const sessions = createDjangoSessions({ store: djangoFiles(dir), secretKey: SECRET, password: false, clock })
  after(() => sessions.close())
  const names = () => readdirSync(dir).filter((name) => name.startsWith('sessionid'))

  test('session files have the name, mode and modification time that Django gives them', async () => {
    const visitor = new Visitor(sessions)
    await visitor.visit((session) => session.set('cat', 'dog'))
    const path = join(dir, `sessionid${visitor.cookie}`)
    assert.equal(readFileSync(path, 'utf8'), vectors.session_data.find(({ name }) => name === 'cat')?.signed)
    assert.equal(statSync(path).mode & 0o777, 0o600)
    assert.equal(statSync(path).mtimeMs, NOW)
    assert.deepEqual(names(), [`sessionid${visitor.cookie}`])
  })

  test('a session file is read until the exact moment that it expires', async () => {
    const visitor = new Visitor(sessions)
    await visitor.visit((session) => session.set('a', 1))
    const has = () => new Visitor(sessions, visitor.cookie).visit((session) => session.has('a'))
    clock.set(NOW + 14 * DAY - 1)
    assert.equal(await has(), true)
    clock.set(NOW + 14 * DAY)
    assert.equal(await has(), false)
    clock.set(NOW)
  })

  test('a sweep removes expired sessions, and placeholders and drafts that a crash left, and nothing else', async () => {
    for (const name of names()) rmSync(join(dir, name))
    const put = (name: string, text: string, savedAt: number) => {
      writeFileSync(join(dir, name), text)
      utimesSync(join(dir, name), savedAt / 1000, savedAt / 1000)
    }
    const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map((letter) => letter.repeat(32))
    put(`sessionid${a}`, codecWith().encode('{}'), NOW - 15 * DAY)
    put(`sessionid${b}`, codecWith().encode('{"_session_expiry":300}'), NOW - 400_000)
    put(`sessionid${c}`, '', NOW - DAY)
    put(`sessionid${d}_out_x81k2`, 'half', NOW - DAY)
    const kept = [
      `sessionid${e}`,
      `sessionid${'f'.repeat(32)}`,
      `sessionid${'g'.repeat(32)}_out_1`,
      'sessionid.txt',
      'sessionidentity',
      'session_other',
    ]
    for (const name of kept)
      put(
        name,
        name.endsWith('_1') ? '' : codecWith().encode('{"_session_expiry":"2033-11-14T22:13:20+00:00"}'),
        name.endsWith('_1') ? NOW : NOW - 15 * DAY,
      )
    assert.equal(await sessions.clearExpired({ dryRun: true }), 4)
    assert.equal(await sessions.clearExpired({ batch: 1 }), 4)
    assert.deepEqual(
      readdirSync(dir)
        .filter((name) => name.startsWith('session'))
        .sort(),
      [...kept].sort(),
    )
  })

  test('a missing directory is a store error and does not log everybody out', async () => {
    const gone = createDjangoSessions({
      store: djangoFiles(join(dir, 'gone')),
      secretKey: SECRET,
      password: false,
      clock,
    })
    for (const work of [
      () => undefined,
      (session: { set(key: string, value: number): unknown }) => session.set('a', 1),
    ])
      await assert.rejects(new Visitor(gone, 'a'.repeat(32)).visit(work as never), (error: Error) => {
        assert.equal((error as { code?: string }).code, 'STRONGROOM_STORE')
        return !`${error.message} ${(error.cause as Error | undefined)?.message}`.includes('aaaa')
      })
  })
})

suite('signed cookies', () => {
  const sessions = createDjangoSessions({ store: djangoCookies(), secretKey: SECRET, password: false, clock })

  test('signed cookies of Django are read, even exactly at the maximum age', async () => {
    for (const { signed } of vectors.signed_cookies)
      assert.equal(await new Visitor(sessions, signed).visit((session) => session.isNew), false)
    const old = vectors.rotation.signed_cookies_signed_with_old
    assert.equal(await new Visitor(sessions, old).visit((session) => session.isNew), true)
    const rotated = createDjangoSessions({
      store: djangoCookies(),
      secretKey: SECRET,
      secretKeyFallbacks: [OLD_SECRET],
      password: false,
      clock,
    })
    assert.equal(await new Visitor(rotated, old).visit((session) => session.get('cat')), 'dog')
    const cat = String(vectors.signed_cookies.find(({ name }) => name === 'cat')?.signed)
    clock.set(NOW + 14 * DAY)
    assert.equal(await new Visitor(sessions, cat).visit((session) => session.get('cat')), 'dog')
    clock.set(NOW + 14 * DAY + 1)
    assert.equal(await new Visitor(sessions, cat).visit((session) => session.has('cat')), false)
    clock.set(NOW)
  })

  test('a signed cookie that is too large for browsers is an error that names the largest key', async () => {
    const { randomBytes } = await import('node:crypto')
    await assert.rejects(
      new Visitor(sessions).visit((session) => session.set('large', randomBytes(3000).toString('base64'))),
      { code: 'STRONGROOM_TOO_LARGE', message: /'large'/ },
    )
  })
})

suite('options', () => {
  const good = { store: djangoCookies(), secretKey: SECRET, password: false } as const
  test('options that are wrong, missing or unknown are refused', () => {
    for (const wrong of [
      { store: 'db' },
      { secretKey: '' },
      { secretKey: undefined },
      { password: undefined },
      { password: 'x' },
      { secretKeys: [] },
      { cookieAge: -1 },
      { expireAtBrowserClose: 1 },
      { saveEveryRequest: 'yes' },
      { legacy: 'yes' },
      { maxSize: 3 },
      { clock: 1 },
      { cookie: { name: 'a b' } },
      { cookie: { httponly: false } },
      { sweep: '1h' },
      { secretKeyFallbacks: 'x' },
    ])
      assert.throws(() => createDjangoSessions({ ...good, ...wrong } as never), ConfigError, JSON.stringify(wrong))
    for (const make of [djangoSqlite, djangoFiles, djangoPostgres, djangoMysql] as ((given: unknown) => unknown)[])
      for (const given of ['', { what: 1 }, { timeout: -1, path: 'x', url: 'x', dir: 'x' }])
        assert.throws(() => make(given), ConfigError)
    for (const name of ['a b', 'x"y', '']) assert.throws(() => djangoSqlite({ path: 'x', table: name }), ConfigError)
  })

  test('a login without the option password is refused, because Django would not accept it', async () => {
    const sessions = createDjangoSessions({ ...good, clock })
    await assert.rejects(
      new Visitor(sessions).visit((session) => session.login('1')),
      UnsupportedError,
    )
    const unknown = createDjangoSessions({ ...good, password: () => null, clock })
    await assert.rejects(
      new Visitor(unknown).visit((session) => session.login('1')),
      UnsupportedError,
    )
  })

  test('the cookie has the attributes of the options', async () => {
    const cookie = { name: 'shop', path: '/shop', domain: 'example.com', sameSite: 'strict', secure: false } as const
    const sessions = createDjangoSessions({ ...good, cookie, clock })
    const visit = sessions.open({})
    ;(await visit.get()).set('a', 1)
    const { setCookie } = await visit.commit()
    assert.match(String(setCookie), /^shop=eyJhIjoxfQ:1r31eq:[\w-]+; /)
    for (const part of ['Domain=example.com', 'Path=/shop', 'SameSite=Strict', 'Max-Age=1209600', 'HttpOnly'])
      assert.ok(String(setCookie).includes(part), part)
    assert.ok(!String(setCookie).includes('Secure'))
  })

  test('the policy names the engine, and stats are unsupported', async () => {
    const sessions = over(table())
    assert.deepEqual(
      [sessions.policy.engine, sessions.policy.seal, sessions.policy.cookieName],
      ['django (sqlite)', 'none', 'sessionid'],
    )
    await assert.rejects(sessions.stats(), UnsupportedError)
  })

  const userColumn = ' (If its session table has a column with the user, give the engine the option userColumn.)'
  for (const [engine, store, missing, more] of [
    ['django (signed_cookies)', djangoCookies(), 'signed cookies can be neither listed nor revoked.', ''],
    ['django (sqlite)', djangoSqlite(table()), 'Django does not index sessions by user.', userColumn],
  ] as const)
    test(`with ${engine}, every method of of(user) says what is missing and what to do instead`, async () => {
      const sessions = createDjangoSessions({ ...good, store, clock })
      const user = sessions.of('1')
      const current = await sessions.open({}).get()
      const methods: readonly (readonly [what: string, call: () => Promise<unknown>])[] = [
        ["list a user's sessions", () => user.list()],
        ["list a user's sessions", () => user.revoke('0123456789abcdef')],
        ['end all sessions of a user', () => user.revokeOthers(current)],
        ['end all sessions of a user', () => user.revokeAll()],
      ]
      for (const [what, call] of methods)
        await assert.rejects(call(), {
          name: 'UnsupportedError',
          message: `The engine ${engine} cannot ${what}: ${missing} To end all of a user's sessions, change the user's password.${more}`,
        })
    })
})
