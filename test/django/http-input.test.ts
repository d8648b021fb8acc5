import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { deflateSync } from 'node:zlib'
import { TimestampSigner } from '../../packages/django/src/signer.ts'
import { SECRET } from './peer.ts'
import { places } from './places.ts'
import { askWith, Browser, type Site, startSite } from './site.ts'
import { vectors } from './vectors.ts'

const base64 = (text: string | Buffer) => Buffer.from(text).toString('base64url')
const bomb = `.${base64(deflateSync(Buffer.alloc(4 * 1024 * 1024, ' ')))}`

/** Signed with the right key, and no session: what a key that leaked, or another program that has it, can send. */
const bodies: readonly (readonly [title: string, body: string])[] = [
  ['what is no base64', '%%%'],
  ['base64 that is cut off', 'e30=e'],
  ['a few bytes that swell to megabytes', bomb],
  ['what says that it is compressed, and is not', `.${base64('no stream')}`],
  ['half of a JSON text', base64('{"a":')],
  ['a list', base64('[1]')],
  ['a text', base64('"x"')],
  ['lists in lists without an end', base64(`{"a":${'['.repeat(3000)}`)],
]

/** What Django reads, and JSON or JavaScript would stumble over. */
const odd: readonly (readonly [title: string, json: string, seen: object])[] = [
  ['NaN and the infinities', '{"a":NaN,"b":[Infinity,-Infinity]}', { a: null, b: [null, null] }],
  [
    'keys that every object has',
    '{"__proto__":{"admin":true},"constructor":1,"toString":2}',
    JSON.parse('{"__proto__":{"admin":true},"constructor":1,"toString":2}'),
  ],
  ['keys that begin with "~"', '{"~django":1,"~flash.x":["y"],"~":1.0,"a":2}', { a: 2 }],
  ['a NUL, and half a surrogate pair', '{"a\\u0000":"\\u0000\\ud83d"}', { 'a\0': '\0\ud83d' }],
  ['a key that stands twice', '{"a":1,"a":1.0}', { a: 1 }],
]

const chosen = ['db on SQLite', 'db on PostgreSQL', 'signed_cookies']
for (const place of places.filter(({ name }) => chosen.includes(name)))
  suite(`bad input over HTTP: ${place.name}`, { skip: place.skip }, () => {
    let site: Site
    let signer: TimestampSigner
    const cookies = place.backend === 'signed_cookies'
    before(async () => {
      site = await startSite(place)
      signer = new TimestampSigner({ key: SECRET, salt: vectors.salts[cookies ? 'signed_cookies' : 'session_data'] })
    })
    after(() => site?.close())

    let count = 0
    /** A cookie for a session that rests as this text. */
    async function cookieFor(text: string): Promise<string> {
      if (cookies) return text
      const key = `k${count++}`.padEnd(32, 'k')
      const sql = 'INSERT INTO django_session (session_key, session_data, expire_date) VALUES (?, ?, ?)'
      await site.users.change(sql, [key, text, '2099-01-01 00:00:00'])
      return key
    }
    const reasons = () => site.events.flatMap((event) => (event.type === 'notOurs' ? [event.reason] : []))

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
      test(`a cookie with ${title} is nobody’s: a page, and an event`, async () => {
        site.events.length = 0
        const { status, text } = await askWith(site.node, header)
        assert.deepEqual([status, text], [200, '{"user":null,"data":"{}"}'])
        assert.equal(reasons().length, title === 'nothing' ? 0 : 1)
      })

    for (const [title, body] of bodies)
      test(`${title} under a good signature is nobody’s session: a page, and an event`, async () => {
        const cookie = await cookieFor(signer.sign(body))
        site.events.length = 0
        const { status, text } = await askWith(site.node, `sessionid=${cookie}`)
        assert.deepEqual([status, text], [200, '{"user":null,"data":"{}"}'])
        assert.deepEqual(reasons(), ['malformed'])
      })

    for (const { name, input, decoded } of vectors.reader_cases)
      test(`a row that holds ${name} is the same to both`, {
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
      test(`${title}: seen as what JSON has, and to the letter what it was for Django when Node has changed something`, async () => {
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

    test('of two cookies the last one counts on both sides, and Node says that there were two', async () => {
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

    test('a value that JSON has no form for is refused where it is put, and both go on', async () => {
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
