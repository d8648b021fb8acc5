import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { file } from '../../packages/strongroom/src/engines/file/file.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { Anything } from './fixture.ts'
import { fixture, refusal, secret } from './fixture.ts'

const good = secret('options')
const create = (options: Anything) => createSessions({ secrets: good, store: memory({ max: 10 }), ...options })

suite('secrets', () => {
  const bad: readonly (readonly [title: string, secrets: unknown, message: RegExp])[] = [
    ['missing: an empty string', '', /secrets is empty/],
    ['missing: an empty list', [], /secrets is empty/],
    ['missing: blanks and commas', ' ,\n, ', /secrets is empty/],
    ['a number', 42, /secret/i],
    ['an object', {}, /secret/i],
    ['a list with a hole', [undefined], /neither a string nor bytes/],
    ['short text', good.slice(0, 31), /31 bytes; at least 32/],
    ['short bytes', Buffer.from(good).subarray(0, 31), /31 bytes; at least 32/],
    ['one short secret of several', `${good},${good.slice(3, 20)}`, /Secret 2 has 17 bytes/],
    ['one letter', 'x'.repeat(64), /guessable/],
    ['zeros', new Uint8Array(64), /guessable/],
    ['a row of numbers', '0123456789'.repeat(8), /guessable/],
    ['a placeholder', 'change-me-to-something-long-and-random-please', /guessable/],
    ['the classic', 'keyboard cat keyboard cat keyboard cat keyboard cat', /has \d+ bytes|guessable/],
    ['the same twice', [good, good], /1 and 2 are the same/],
    ['the same as text and as bytes', [good, Buffer.from(good)], /1 and 2 are the same/],
  ]
  for (const [title, secrets, message] of bad)
    test(`${title}: refused, and the error says what to do`, async () => {
      const error = await refusal(() => create({ secrets }))
      assert.equal(error.code, 'STRONGROOM_CONFIG', String(error))
      assert.match(error.message, message)
      for (const part of [secrets].flat())
        if (typeof part === 'string' && part) assert.ok(!error.message.includes(part))
    })

  for (const [title, secrets, message] of bad)
    test(`${title}: refused at the first request when a provider returns it`, async () => {
      const sessions = create({ secrets: async () => secrets })
      const error = await refusal(() => sessions.read({}))
      assert.equal(error.code, 'STRONGROOM_CONFIG', String(error))
      assert.match(error.message, message)
    })

  test('a provider that fails is called again by the next request', async () => {
    let asked = 0
    const sessions = create({
      secrets: async () => {
        asked += 1
        if (asked === 1) throw new Error('the vault is sealed')
        return good
      },
    })
    await assert.rejects(sessions.read({}), (error: Error) => {
      assert.match(`${error.cause}`, /the vault is sealed/)
      return (error as Anything).code === 'STRONGROOM_STORE'
    })
    assert.equal((await sessions.read({})).isNew, true)
  })
})

suite('in production', () => {
  const inProduction = async (work: () => unknown) => {
    const before = process.env.NODE_ENV
    process.env.NODE_ENV = 'production'
    try {
      return await refusal(work)
    } finally {
      if (before === undefined) delete process.env.NODE_ENV
      else process.env.NODE_ENV = before
    }
  }
  for (const [title, options, message] of [
    ['without secrets', { store: memory() }, /needs secrets\b.*STRONGROOM_SECRETS/],
    ['without a store', { secrets: good }, /needs store\b.*store:/],
    ['without either', {}, /needs secrets and store/],
    ['with null for both', { secrets: null, store: null }, /needs secrets and store/],
    [
      'with an environment value that is not set',
      { secrets: process.env.NOT_SET_ANYWHERE, store: 'memory:' },
      /needs secrets/,
    ],
    [
      'with a cookie in the clear',
      { secrets: good, store: memory(), cookie: { name: 'id', secure: false } },
      /sent unencrypted/,
    ],
    ['with a plain cookie name', { secrets: good, store: memory(), cookie: { name: 'id' } }, /prefix '__Host-'/],
  ] as [string, Anything, RegExp][])
    test(`${title}, nothing starts, and the error says what to write`, async () => {
      const error = await inProduction(() => createSessions(options))
      assert.equal(error.code, 'STRONGROOM_CONFIG')
      assert.match(error.message, message)
    })
})

suite('an unknown option', () => {
  const visit = () => fixture('two-key').sessions.open({})
  const places: readonly (readonly [where: string, use: (options: Anything) => unknown, known: string])[] = [
    ['createSessions()', create, 'store, secrets, cookie, transport, namespace, idle, absolute, remember'],
    ['its cookie', (options) => create({ cookie: options }), 'name, secure, sameSite, path, domain, partitioned'],
    ['memory()', memory, 'max, maxBytes, evicts, clock'],
    ['file()', (options) => file({ dir: '/nowhere', ...options }), 'dir, durable'],
    ['sqlite()', (options) => sqlite({ path: ':memory:', ...options }), 'path, database, table'],
    ['cookie()', cookie, 'protection, revocations'],
    [
      'login()',
      async (options) => (await visit().get()).login('ada', options),
      'label, remember, keep, limit, atLimit',
    ],
    ['setExpiry()', async (options) => (await visit().get()).setExpiry(options), 'idle, absolute, remember'],
    ['get()', (options) => visit().get(options), 'onStoreError'],
    ['memory:', (options) => create({ store: url('memory:', options) }), 'max, maxBytes, evicts'],
    ['file:', (options) => create({ store: url('file:./nowhere', options) }), 'durable'],
    ['sqlite:', (options) => create({ store: url('sqlite::memory:', options) }), 'synchronous, table'],
    ['cookie:', (options) => create({ store: url('cookie:', options) }), 'protection, revocations'],
    ['cookie: with a store', (options) => create({ store: url('cookie:?revocations=memory:', options) }), 'protection'],
  ]
  const url = (base: string, options: Anything) =>
    `${base}${base.includes('?') ? '&' : '?'}${new URLSearchParams(options)}`
  for (const [where, use, known] of places)
    for (const name of ['maxAge', 'constructor', '__proto__'])
      test(`of ${where}, such as ${name}, is refused, and the error lists the known ones`, async () => {
        const error = await refusal(() => use(JSON.parse(`{${JSON.stringify(name)}:"1"}`)))
        // What stands in a URL may be a part of a password.
        assert.equal(error.message.includes(name), !where.includes(':'), error.message)
        assert.ok(error.message.includes(known), error.message)
        assert.match(error.message, /Known: /)
      })
})

suite('an option with a wrong value', () => {
  for (const [name, values] of Object.entries({
    store: [
      7,
      {},
      [],
      'sessions',
      'redis://user:hunter2@host:port',
      'redis://user:hunter2@host?max=7',
      'postgres://user:hunter2@host:port/x',
      'mysql://user:hunter2@host:port/x',
      'memcached://user:hunter2@host',
      'cached:?durable=redis://user:hunter2@host:port&cache=memory:?evicts=true',
      'ldap://user:hunter2@host',
      'sqlite:',
      'memory:path',
      'cookie:path',
      () => memory(),
    ],
    cookie: [
      7,
      'id',
      { name: '' },
      { name: 'a b' },
      { name: 'a;b' },
      { name: 'ключ' },
      { name: '__Host-id', path: '/a' },
    ],
    idle: [0, -1, Number.NaN, '', '30', '30 minutes', '1000d', {}, true, '13h'],
    absolute: [0, -1, '0m', '401d', Infinity, []],
    remember: [0, 'for ever', '401d'],
    seal: ['both', '', 2, 'constructor'],
    cipher: ['aes', '', 'AES-256-GCM', null, 'constructor'],
    crypto: ['libsodium', '', true, null, 'constructor'],
    maxSize: [0, 255, -1, 1.5, '64kb', Infinity, null],
    storeTimeout: [0, -1, 'soon', Infinity],
    onStoreError: ['ignore', true, 'Throw'],
    saveOnServerError: ['yes', 1],
    sweep: [true, 0, 'daily', '40d'],
    memo: [true, -1, 1.5, '16mb', null],
    device: ['Firefox', {}, null],
    on: ['created', {}, []],
    clock: [7, new Date(), null],
  }))
    for (const value of values)
      test(`${name}: ${typeof value === 'function' ? 'a function' : (JSON.stringify(value) ?? value)} is refused`, async () => {
        const error = await refusal(() => create({ [name]: value }))
        assert.equal(error.code, 'STRONGROOM_CONFIG', `${error.stack}`)
        assert.ok(error.message.includes(name) || /path|cookie|idle|URL|memcached/i.test(error.message), error.message)
        assert.doesNotMatch(error.message, /hunter2/)
      })

  for (const options of [null, 7, 'memory:', []])
    test(`createSessions(${JSON.stringify(options)}) is refused`, async () => {
      const error = await refusal(() => createSessions(options as never))
      assert.equal(error.code, 'STRONGROOM_CONFIG', String(error))
    })

  for (const options of [
    { limit: 0 },
    { limit: 1.5 },
    { atLimit: 'none' },
    { label: 7 },
    { remember: 'ever' },
    { keep: 'some' },
    { keep: [7] },
  ])
    test(`login('ada', ${JSON.stringify(options).slice(0, 40)}) is refused, and nobody is logged in`, async () => {
      const here = fixture('two-key')
      await refusal(() => here.request(undefined, (session) => session.login('ada', options as never)))
      const session = await here.sessions.open({}).get()
      await refusal(() => session.login('ada', options as never))
      assert.equal(session.userId, null)
      assert.deepEqual(here.watch.calls, [])
    })

  for (const userId of ['', null, undefined, 7, {}, [], ['ada']])
    test(`a user id that is ${JSON.stringify(userId)} is refused`, async () => {
      const here = fixture('two-key')
      const session = await here.sessions.open({}).get()
      await refusal(() => session.login(userId as string))
      await refusal(() => (here.sessions as Anything).of(userId))
      assert.equal(session.userId, null)
    })

  for (const expiry of [
    0,
    -1,
    Number.NaN,
    '',
    'soon',
    new Date(0),
    new Date(Number.NaN),
    { idle: 0 },
    { absolute: new Date(0) },
    { absolute: '401d' },
    { remember: 'yes' },
  ])
    test(`setExpiry(${JSON.stringify(expiry)}) is refused`, async () => {
      const session = await fixture('two-key').sessions.open({}).get()
      await refusal(() => session.setExpiry(expiry as never))
    })
})

suite('a request that no adapter has seen', () => {
  for (const request of [{}, new Request('http://localhost'), Object.freeze({})])
    test(`get() says that the adapter is missing (${Object.prototype.toString.call(request)})`, async () => {
      const error = await refusal(() => fixture('two-key').sessions.get(request))
      assert.equal(error.code, 'STRONGROOM_NOT_ATTACHED')
    })

  for (const request of [null, undefined, 7, 'text'])
    test(`get(${JSON.stringify(request)}) fails with the same error`, async () => {
      const error = await refusal(() => fixture('two-key').sessions.get(request as never))
      assert.equal(error.code, 'STRONGROOM_NOT_ATTACHED', String(error))
    })
})
