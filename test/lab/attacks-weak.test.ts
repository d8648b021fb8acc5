import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite, test } from 'node:test'
import type { SessionsOptions, Store } from 'strongroom'
import { memory } from 'strongroom/memory'
import { ON_SESSIONS } from '../../packages/cli/src/lab/attacks/on-sessions.ts'
import type { Site } from '../../packages/cli/src/lab/site.ts'
import { find, said } from './findings.ts'
import { ours } from './ours.ts'
import { type Mistakes, weakCookie, weakStore } from './weak.ts'

/** Which weak application an attack must break, and which of its evidence shows that it did. */
const BROKEN: Readonly<Record<string, readonly [site: Mistakes | 'cookie', evidence: RegExp, value: RegExp]>> = {
  'read-the-cookie-jar': ['cookie', /the note/, /read in session: ".*note [0-9a-f]{24}/],
  'cookie-attributes': [{}, /sid/, /scripts can read it, sent over plain http, SameSite not said/],
  'shared-cache': [{}, /the next visitor/, /has the session of the one before/],
  'error-pages': [{}, /told by "a handler that fails"/, /creditCardNumber|a key of the session/],
  'alter-a-cookie': ['cookie', /accepted, with another session/, /^[1-9]/],
  'made-up-tokens': [{}, /calls that reached the store/, /^\d{4,}$/],
  'odd-requests': [{}, /calls of the store/, /^2\d$/],
  'lost-updates': [{}, /additions/, /^20, 1$/],
  'failing-handler': [{}, /"paid"/, /is in the session/],
  'hang-up': [{}, /"paid"/, /is in the session/],
  fixation: [{}, /an anonymous session/, /is the user/],
  'fixation-other-name': [{}, /a user’s cookie/, /is the user/],
  'replay-after-logout': [{ keepsAtLogout: true }, /opened the session afterwards/, /^[1-9]/],
  'replay-after-revoke-all': [{ revokes: 'nothing' }, /opened a session afterwards/, /^[1-9]/],
  'renewed-copy': [{}, /opened the session afterwards/, /^[1-9]/],
  'two-cookies': [{}, /dead cookie first/, /the session is alive/],
  'slow-request-and-logout': [{}, /slow \/set/, /responds 200; [1-9]\d* cookies open the session; the browser is in/],
  'slow-request-and-revoke-all': [
    {},
    /slow \/set/,
    /responds 200; [1-9]\d* cookies open the session; the browser is in/,
  ],
  'renewal-and-logout': [{}, /over HTTP/, /^18 orders \(all\); alive after [1-9]/],
  'renewal-and-revoke-all': [{}, /over HTTP/, /^18 orders \(all\); alive after [1-9]/],
  'login-and-revoke-all': [{}, /over HTTP/, /alive after 1/],
  'cached-copy': [{ copies: true }, /immediately/, /^[1-9]/],
  'cached-copy-later': [{ copies: true }, /11 s later/, /^[1-9]/],
  'clocks-apart': [{ revokes: 'by time' }, /begun ahead, all ended behind/, /^[1-9]/],
  'renewals-pile-up': [{}, /rows in the store/, /^1, 22$/],
  'two-servers': [{ copies: true }, /a value from the other server/, /missed/],
  'flood-of-visitors': [{}, /signed in/, /is nobody now/],
  'store-away': [{}, /took the visitor for nobody/, /^2$/],
}

suite('an attack on sessions breaks what is weak', () => {
  for (const [name, [weak, what, value]] of Object.entries(BROKEN))
    test(`${name} breaks an application that has made the mistake`, async () => {
      const finding = await find(name, await (weak === 'cookie' ? weakCookie() : weakStore(weak)))
      assert.equal(finding.verdict, 'broken', JSON.stringify(finding))
      assert.match(said(finding, what), value)
    })

  test('a flood drops what refuses an ended cookie, in a store that evicts and does not say so', async () => {
    const evicting = memory({ evicts: true, max: 100 })
    const { traits } = memory()
    const site = await ours('cookie with revocations', undefined, Object.assign(evicting, { traits }))
    const finding = await find('flood-of-visitors', site)
    assert.equal(finding.summary, 'Strangers bring back a session that had ended.')
    assert.match(said(finding, /had logged out/), /^0, [1-9]/)
  })

  test('additions that overwrite each other are found, although other keys are merged', async () => {
    const finding = await find('lost-updates', await weakStore({ merges: true }))
    assert.equal(said(finding, /different keys/), '2, 2')
    assert.equal(said(finding, /additions/), '20, 1')
    assert.equal(finding.verdict, 'broken')
  })

  const later = 'Fri, 31 Dec 2100 23:59:59 GMT'
  for (const [kept, headers] of [
    [true, { expires: later }],
    [true, {}],
    [true, { 'cache-control': 'no-store, must-understand, max-age=60' }],
    [true, { 'cache-control': 'no-store', 'cloudflare-cdn-cache-control': 'public, max-age=60' }],
    [true, { 'cache-control': 'no-store', 'surrogate-control': 'max-age=60' }],
    [true, { 'cache-control': 'no-store', 'x-accel-expires': '60' }],
    [false, { expires: '0' }],
    [false, { 'cache-control': 'max-age=0', expires: later }],
    [false, { 'cache-control': 'private, max-age=60' }],
    [false, { 'cache-control': 'no-store', expires: later }],
    [false, { 'cache-control': 'no-store', 'surrogate-control': 'no-store', 'x-accel-expires': '0' }],
    [false, { 'cache-control': 'no-store', 'cdn-cache-control': 'max-age=0', expires: later }],
  ] as const)
    test(`a shared cache ${kept ? 'keeps' : 'does not keep'} a cookie with ${JSON.stringify(headers).slice(1, -1) || 'nothing said'}`, async () => {
      const site = await weakStore()
      const front = createServer((incoming, response) => {
        const outgoing = request(new URL(incoming.url ?? '', site.url), { headers: incoming.headers }, (answer) => {
          const { 'cache-control': _, 'cdn-cache-control': __, ...others } = answer.headers
          response.writeHead(200, answer.headers['set-cookie'] ? { ...others, ...headers } : answer.headers)
          answer.pipe(response)
        })
        outgoing.end()
      }).listen(0, '127.0.0.1')
      await once(front, 'listening')
      const { port } = front.address() as AddressInfo
      const finding = await find('shared-cache', { ...site, url: `http://127.0.0.1:${port}` })
      front.close()
      assert.equal(finding.verdict, kept ? 'broken' : 'held', JSON.stringify(finding))
    })

  test('every attack is shown to be able to succeed', () => {
    const onEngines = ['session-limit', 'unmet-secret']
    const shown = [...Object.keys(BROKEN), ...onEngines].sort()
    assert.deepEqual(ON_SESSIONS.map(({ name }) => name).sort(), shown)
  })
})

/** One of our engines, whose calls from the lab's own process go through this. */
async function onEngine(weaken: (store: Store) => Partial<Store>): Promise<Site> {
  const site = await ours('memory', 'two-key')
  const sessionsOptions = async (): Promise<SessionsOptions> => {
    const options = await site.sessionsOptions?.()
    const store = memory()
    const weak = Object.assign(Object.create(store), bound(store), { readSync: undefined, updateSync: undefined })
    return { ...options, store: Object.assign(weak, weaken(store)) as Store }
  }
  return { ...site, sessionsOptions }
}

const METHODS = ['create', 'read', 'update', 'touch', 'delete', 'clearExpired', 'close', 'scan', 'tryWithLock'] as const

const bound = (store: Store): Partial<Store> =>
  Object.fromEntries(
    METHODS.flatMap((name) => (typeof store[name] === 'function' ? [[name, store[name].bind(store)]] : [])),
  )

/** A write that creates what is missing. */
const upserting = (store: Store): Partial<Store> => ({
  async update(id, entry, version) {
    const done = await store.update(id, entry, version)
    if (done !== null) return done
    return (await store.create(id, entry)) ? ((await store.read(id))?.version ?? null) : null
  },
})

suite('an attack that calls the engine itself breaks what is weak', () => {
  test('a store whose writes bring back what has ended is found by the orders of its calls', async () => {
    const finding = await find('renewal-and-logout', await onEngine(upserting))
    assert.equal(finding.verdict, 'broken')
    assert.match(said(finding, /^over HTTP$/), /alive after 0/)
    assert.match(said(finding, /^a renewal and the logout$/), /alive after [1-9]/)
  })

  test('a store whose list misses a session is found by the orders of an end of all', async () => {
    const blind = (): Partial<Store> => ({
      byOwner: {
        async *list() {},
        deleteAll: async () => 0,
      },
    })
    const finding = await find('renewal-and-revoke-all', await onEngine(blind))
    assert.match(said(finding, /^a renewal and the end of all$/), /alive after [1-9]/)
  })

  test('a store that forgets under which keys there are sessions lets a server without the secret say that all are over', async () => {
    const forgetting = (store: Store): Partial<Store> => {
      const isRegister = (label: Uint8Array | null) => label?.length === 1 && label[0] === 3
      return {
        read: async (id, options) => {
          const found = await store.read(id, options)
          return found && isRegister(found.entry.label) ? null : found
        },
        create: async (id, entry) => isRegister(entry.label) || store.create(id, entry),
      }
    }
    const finding = await find('unmet-secret', await onEngine(forgetting))
    assert.equal(finding.verdict, 'broken', JSON.stringify(finding))
    assert.equal(said(finding, /without the secret/), 'all ended')
  })

  test('a store that loses by which credential a session began lets a thief lock the owner out', async () => {
    const unlabelled = (store: Store): Partial<Store> => ({
      create: (id, entry) => store.create(id, entry.label?.length === 1 ? entry : { ...entry, label: null }),
    })
    const finding = await find('session-limit', await onEngine(unlabelled))
    assert.equal(finding.verdict, 'broken', JSON.stringify(finding))
    assert.equal(said(finding, /the owner’s login/), 'SessionLimitError')
  })
})
