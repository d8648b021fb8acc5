import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { after, before, suite, test } from 'node:test'
import express from 'express'
import fc from 'fast-check'
import { BadSignatureError, SignatureExpiredError } from '../../packages/django/src/errors.ts'
import { quote, unquote } from '../../packages/django/src/quoting.ts'
import { signCookieValue } from '../../packages/django/src/signed-cookie.ts'
import { readSignedCookie, writeSignedCookie } from '../../packages/django/src/signed-cookie-header.ts'
import { ConfigError, DataError } from '../../packages/strongroom/src/errors.ts'
import { SECRET } from './peer.ts'
import { type Site, startSite } from './site.ts'
import { storages } from './storages.ts'

/** Debian's Django 3.2 writes and reads the older format only. */
const writing = { key: SECRET, name: 'note', salt: 'shop', format: 'legacy' } as const
const reading = { key: SECRET, name: 'note', salt: 'shop', legacySalt: true } as const

const VALUES = [
  ...[
    'plain',
    '3',
    '',
    ' spaces ',
    'a;b,c',
    '"quoted"',
    '\\',
    'é',
    '%41',
    'a%',
    '%3B',
    'a:b',
    '\\073',
    '"',
    'x=y',
    '{"a":1}',
  ],
  ...fc.sample(fc.string({ unit: fc.integer({ min: 32, max: 255 }).map((code) => String.fromCharCode(code)) }), 60),
]

test('a value is quoted and unquoted as Python does it', () => {
  for (const [value, quoted] of [
    ['a-b:c', 'a-b:c'],
    ['', ''],
    ['a b', '"a b"'],
    ['a;b,"c"\\', '"a\\073b\\054\\"c\\"\\\\"'],
    ['é\n', '"\\351\\012"'],
    ['()<>@[]{}?=/', '"()<>@[]{}?=/"'],
  ] as const) {
    assert.equal(quote('x', value), quoted)
    assert.equal(unquote(quoted), value)
  }
  assert.throws(() => quote('x', '’'), DataError)
})

test('a cookie that is too old, altered or of another name is refused, and a missing one is undefined', () => {
  const at = (ms: number) => () => 1_700_000_000_000 + ms
  const [cookie = ''] = writeSignedCookie('a;b', { ...writing, clock: at(0) }).split('; ')
  const options = { ...reading, maxAge: '1m', clock: at(60_000) } as const
  assert.equal(readSignedCookie(`a=1; ${cookie};b=2`, options), 'a;b')
  assert.equal(readSignedCookie(`note=old; ${cookie}`, options), 'a;b')
  assert.throws(() => readSignedCookie(`${cookie}; note=x`, options), BadSignatureError)
  assert.throws(() => readSignedCookie(cookie, { ...options, clock: at(61_000) }), SignatureExpiredError)
  assert.throws(() => readSignedCookie(cookie.replace('a', 'b'), options), BadSignatureError)
  assert.throws(() => readSignedCookie('note=%E0%A4%A', options), BadSignatureError)
  assert.throws(() => readSignedCookie(cookie, { ...options, salt: 'other' }), BadSignatureError)
  for (const header of [undefined, null, '', 'notes=1', 'xnote=1'])
    assert.equal(readSignedCookie(header, options), undefined)
})

test('the line has the attributes that were asked for, and wrong options are refused', () => {
  assert.match(
    writeSignedCookie('a', { ...writing, maxAge: '1h' }),
    /^note=a:\w+:[\w-]+; Max-Age=3600; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
  )
  const line = writeSignedCookie('a', { ...writing, cookie: { secure: false, path: '/shop', sameSite: 'strict' } })
  assert.match(line, /^note=[^;]+; Path=\/shop; HttpOnly; SameSite=Strict$/)
  for (const wrong of [{ max_age: 1 }, { cookie: { name: 'x' } }, { maxAge: -1 }, { cookie: { colour: 'x' } }])
    assert.throws(() => writeSignedCookie('a', { ...writing, ...wrong } as never), ConfigError)
})

const [storage] = storages
suite('signed cookies of Django over HTTP', { skip: storage?.skip }, () => {
  let site: Site
  let node: string
  let close: () => void
  before(async () => {
    if (!storage) assert.fail()
    site = await startSite(storage)
    const application = express()
    application.use(express.text({ type: '*/*' }))
    application.get('/signed', (request, response) => {
      response.json(readSignedCookie(request.headers.cookie, { ...reading, maxAge: '1h' }))
    })
    application.post('/signed', (request, response) => {
      const value = typeof request.body === 'string' ? request.body : ''
      const cookie = { secure: false }
      response.appendHeader('Set-Cookie', writeSignedCookie(value, { ...writing, cookie, maxAge: '1h' })).json(null)
    })
    application.post('/express', (request, response) => {
      const value = typeof request.body === 'string' ? request.body : ''
      response.cookie('note', signCookieValue(value, writing)).json(null)
    })
    const server = application.listen(0, '127.0.0.1')
    await once(server, 'listening')
    node = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    close = () => server.close()
  })
  after(async () => {
    close?.()
    await site?.close()
  })

  async function set(url: string, value: string): Promise<string> {
    const response = await fetch(url, { method: 'POST', body: value })
    const [line = ''] = response.headers.getSetCookie()
    return line.split('; ')[0] as string
  }
  const get = async (base: string, cookie: string) =>
    (await fetch(`${base}/signed`, { headers: { cookie } })).json() as Promise<unknown>

  test('Node reads what Django set, and Django what Node set, in the same header', async () => {
    for (const value of VALUES) {
      const [byDjango, byNode] = [await set(`${site.django}/signed`, value), await set(`${node}/signed`, value)]
      const withoutSignature = (cookie: string) => cookie.replace(/:\w+:[\w-]+("?)$/, '$1')
      assert.equal(withoutSignature(byNode), withoutSignature(byDjango))
      for (const base of [node, site.django])
        for (const cookie of [byDjango, byNode]) assert.equal(await get(base, cookie), value, JSON.stringify(value))
    }
  })

  test('Node reads what Express wrote in its own way, which Django does not', async () => {
    for (const value of VALUES) {
      const cookie = await set(`${node}/express`, value)
      assert.equal(await get(node, cookie), value, JSON.stringify(value))
      assert.deepEqual(await get(site.django, cookie), ['BadSignature'])
    }
  })
})
