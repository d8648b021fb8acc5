import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { deflateSync } from 'node:zlib'
import { TimestampSigner } from '../../packages/django/src/signer.ts'
import { SECRET } from './peer.ts'
import { askWith, Browser, type Site, startSite } from './site.ts'
import { storages } from './storages.ts'
import { vectors } from './vectors.ts'

const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64url')
const bomb = `.${base64(deflateSync(Buffer.alloc(4 * 1024 * 1024, ' ')))}`

/** Signed with the right key, but not a session: what can be sent by another program that has the key, or after it leaked. */
const bodies: readonly (readonly [title: string, body: string])[] = [
  ['something that is not base64', '%%%'],
  ['truncated base64', 'e30=e'],
  ['a few bytes that expand to megabytes', bomb],
  ['something marked as compressed that is not', `.${base64('no stream')}`],
  ['half of a JSON document', base64('{"a":')],
  ['deeply nested lists', base64(`{"a":${'['.repeat(3000)}`)],
]

/** What Django reads, and JSON or JavaScript has trouble with. */
const odd: readonly (readonly [title: string, json: string, seen: object])[] = [
  ['NaN and the infinities', '{"a":NaN,"b":[Infinity,-Infinity]}', { a: 'NaN', b: ['Infinity', '-Infinity'] }],
  [
    'keys that every object inherits',
    '{"__proto__":{"admin":true},"constructor":1,"toString":2}',
    JSON.parse('{"__proto__":{"admin":true},"constructor":1,"toString":2}'),
  ],
  ['keys that begin with "~"', '{"~django":1,"~flash.x":["y"],"~":1.0,"a":2}', { a: 2 }],
  ['a NUL, and half a surrogate pair', '{"a\\u0000":"\\u0000\\ud83d"}', { 'a\0': '\0\ud83d' }],
  ['a repeated key', '{"a":1,"a":1.0}', { a: 1 }],
]

const chosen = ['db on SQLite', 'db on PostgreSQL', 'signed_cookies']
for (const storage of storages.filter(({ name }) => chosen.includes(name)))
  suite(`bad input over HTTP: ${storage.name}`, { skip: storage.skip }, () => {
    let site: Site
    let signer: TimestampSigner
    const cookies = storage.backend === 'signed_cookies'
    before(async () => {
      site = await startSite(storage)
      signer = new TimestampSigner({ key: SECRET, salt: vectors.salts[cookies ? 'signed_cookies' : 'session_data'] })
    })
    after(() => site?.close())

    let count = 0
    /** Returns a cookie for a session that is stored as this string. */
    async function cookieFor(text: string): Promise<string> {
      if (cookies) return text
      const key = `k${count++}`.padEnd(32, 'k')
      const sql = 'INSERT INTO django_session (session_key, session_data, expire_date) VALUES (?, ?, ?)'
      await site.users.change(sql, [key, text, '2099-01-01 00:00:00'])
      return key
    }
    const reasons = () => site.events.flatMap((event) => (event.type === 'rejected' ? [event.reason] : []))

    for (const [title, header] of [
      ['one letter', 'sessionid=x'],
      ['nothing', 'sessionid=""'],
      ['a key that is too long', `sessionid=${'a'.repeat(41)}`],
      ['a key that is much too long', `sessionid=${'a'.repeat(12_000)}`],
      ['a key in capitals', `sessionid=${'A'.repeat(32)}`],
      ['a path', 'sessionid=../../../../etc/passwd'],
      ['a statement', "sessionid='--DROP/**/TABLE/**/django_session"],
      ['a NUL, as Python unquotes it', 'sessionid="\\000aaaaaaaa"'],
      ['a NUL in per cent', 'sessionid=aaaaaaaa%00'],
      ['bytes above ASCII', `sessionid=${'\xe9'.repeat(12)}`],
      ['what looks signed', 'sessionid=e30:1r31eq:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ] as const)
      test(`a cookie with ${title} gives an empty session and an event`, async () => {
        site.events.length = 0
        const { status, text } = await askWith(site.node, header)
        assert.deepEqual([status, text], [200, '{"user":null,"data":"{}"}'])
        assert.equal(reasons().length, title === 'nothing' ? 0 : 1)
      })

    for (const [title, body] of bodies)
      test(`${title} under a valid signature gives an empty session and an event`, async () => {
        const cookie = await cookieFor(signer.sign(body))
        site.events.length = 0
        const { status, text } = await askWith(site.node, `sessionid=${cookie}`)
        assert.deepEqual([status, text], [200, '{"user":null,"data":"{}"}'])
        assert.deepEqual(reasons(), ['malformed'])
      })

    for (const json of ['[]', '[1]', '"x"', '5', 'null'])
      test(`${json} under a valid signature fails on both sides, and is not reported as an attack`, async () => {
        const cookie = await cookieFor(signer.sign(base64(json)))
        site.events.length = 0
        for (const base of [site.node, site.django])
          assert.equal((await askWith(base, `sessionid=${cookie}`)).status, 500)
        assert.deepEqual(reasons(), [])
      })

    for (const { name, input, decoded } of vectors.reader_cases)
      test(`a row with ${name} gives both sides the same session`, {
        skip: cookies && 'signed for rows, not for cookies',
      }, async () => {
        const cookie = await cookieFor(input)
        const seen = JSON.stringify(decoded)
        site.events.length = 0
        for (const base of [site.django, site.node])
          assert.deepEqual(await new Browser(cookie).data(base), JSON.parse(seen))
        assert.deepEqual(reasons(), seen === '{}' ? ['forged'] : [])
      })

    for (const [title, json, seen] of odd)
      test(`${title}: Node reads them as JSON, and leaves them to Django unaltered when it changes something else`, async () => {
        const browser = new Browser(await cookieFor(signer.sign(base64(json))))
        const before = (await browser.ask(site.django, '/state')).data
        assert.deepEqual(await browser.data(site.node), seen)
        await browser.ask(site.node, '/put', '{"more":1}')
        await browser.ask(site.node, '/renew')
        const after = `${before.slice(0, -1)},"more":1}`
        assert.equal((await browser.ask(site.django, '/state')).data, after)
        await browser.ask(site.node, '/login?name=ada&password=secret')
        const ada = await site.idOf('ada')
        assert.deepEqual(await browser.ask(site.django, '/state'), { user: ada, data: after })
        assert.equal(({} as Record<string, unknown>).admin, undefined)
      })

    test('of two cookies, both sides use the last one, and Node emits an event', async () => {
      const [one, two] = [new Browser(), new Browser()]
      await one.ask(site.django, '/put', '{"n":1}')
      await two.ask(site.node, '/put', '{"n":2}')
      for (const base of [site.django, site.node])
        for (const [first, last, n] of [
          [one, two, 2],
          [two, one, 1],
        ] as const) {
          site.events.length = 0
          const { text } = await askWith(base, `sessionid=${first.cookie}; sessionid=${last.cookie}`)
          assert.equal(JSON.parse(text).data, `{"n":${n}}`)
          assert.deepEqual(reasons(), base === site.node ? ['duplicate'] : [])
        }
    })

    test('a value that JSON cannot express is refused when it is set, and both sides keep working', async () => {
      const browser = new Browser()
      await browser.ask(site.node, '/put', '{"a":1}')
      const deep = `{"deep":${'['.repeat(250)}${']'.repeat(250)}}`
      const refused = await fetch(`${site.node}/put`, {
        method: 'POST',
        body: deep,
        headers: { cookie: `sessionid=${browser.cookie}` },
      })
      assert.equal(refused.status, 500)
      assert.match(await refused.text(), /nesting deeper/)
      for (const base of [site.node, site.django]) assert.deepEqual(await browser.data(base), { a: 1 })
    })
  })
