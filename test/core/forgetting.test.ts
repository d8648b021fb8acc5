import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { text } from 'node:stream/consumers'
import { it, mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { getHeapSnapshot } from 'node:v8'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import {
  createSessions,
  type IndexedStore,
  type SessionsOptions,
  StoreError,
} from '../../packages/strongroom/src/index.ts'
import type { LoginOptions } from '../../packages/strongroom/src/session/login.ts'
import type { AnySession } from '../../packages/strongroom/src/session/session.ts'
import type { BaseSessions, Sessions } from '../../packages/strongroom/src/sessions.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { secret } from './fixtures/secret.ts'

type Data = Record<string, unknown>

/** A session whose data contains a text of its own. The test remembers only the hash of it. */
interface Marked {
  readonly cookie: string
  readonly hash: string
}

const hashOf = (mark: string) => createHash('sha256').update(mark).digest('hex')

async function commit(
  sessions: BaseSessions<Data>,
  cookie: string | undefined,
  work: (session: AnySession) => unknown,
) {
  const visit = sessions.open({ cookie })
  await work(await visit.get())
  const { setCookie } = await visit.commit()
  return setCookie?.split(';', 1)[0] ?? cookie ?? ''
}

async function login(sessions: BaseSessions<Data>, userId: string, options?: LoginOptions): Promise<Marked> {
  const mark = `mark-${randomBytes(12).toString('hex')}`
  const given = await commit(sessions, undefined, (session) => {
    session.set('note', mark)
    session.login(userId, options)
  })
  await read(sessions, given)
  return { cookie: given, hash: hashOf(mark) }
}

/** Opens the session, so that it is remembered in parsed form, too. Not in one turn with other reads, which would be shared. */
async function read(sessions: BaseSessions<Data>, cookie: string): Promise<boolean> {
  await turn()
  return commit(sessions, cookie, (session) => session.get('note')).then(() => true)
}

/** Returns which of these sessions have their text in a snapshot of the heap. */
async function rememberedNow() {
  const snapshot = await text(getHeapSnapshot())
  const found = new Set((snapshot.match(/mark-[0-9a-f]{24}/g) ?? []).map(hashOf))
  return (list: Record<string, Marked>) => Object.keys(list).filter((title) => found.has(list[title]?.hash ?? ''))
}

it('every end of a session removes what it contained from this process', { timeout: 60_000 }, async () => {
  const clock = manualClock()
  const store = memory({ clock })
  const options = { secrets: secret('forgetting'), seal: 'two-key', clock } as const
  const sessions: Sessions<Data> = createSessions<Data>({ ...options, store })
  const elsewhere = createSessions<Data>({ ...options, store })
  const inCookies = createSessions<Data>({
    secrets: secret('x'),
    clock,
    store: cookie({ revocations: memory({ clock }) }),
  })
  const bare = createSessions<Data>({ secrets: secret('x'), clock, store: cookie() })
  const rotating = createSessions<Data>({ ...options, secrets: [secret('old')], store: memory({ clock }) })
  const rotatingCookies = createSessions<Data>({ secrets: [secret('old')], clock, store: cookie() })
  const [byOld, byOldInCookie] = [await login(rotating, 'rotated'), await login(rotatingCookies, 'rotated')]
  for (const one of [rotating, rotatingCookies]) await one.reloadSecrets([secret('new'), secret('old')])
  // Sealed under the new secret since, and begun under the old one all the same.
  await commit(rotating, byOld.cookie, (session) => session.set('n', 1))
  let password = 'one'
  const withCredential = createSessions<Data>({ ...options, store: memory({ clock }), credential: () => password })

  const swept = createSessions<Data>({ ...options, idle: '1m', store: memory({ clock }) })
  const sweptInCookies = createSessions<Data>({ secrets: secret('x'), idle: '1m', clock, store: cookie() })
  const [byRead, byWrite] = [await login(swept, 'read'), await login(swept, 'written')]
  await commit(swept, byWrite.cookie, (session) => session.set('n', 1))

  const alive: Record<string, Marked> = {
    'on the server': await login(sessions, 'alive'),
    'in a cookie': await login(inCookies, 'alive'),
    'of the one that goes on after revokeOthers()': await login(sessions, 'others'),
    'under a secret that stays': await login(rotating, 'stays'),
    'in a cookie under a secret that stays': await login(rotatingCookies, 'stays'),
    'that a sweep leaves': await login(swept, 'stays'),
    'in a cookie, that a sweep leaves': await login(sweptInCookies, 'stays'),
  }
  const ended: Record<string, Marked> = {
    logout: await login(sessions, 'logout'),
    'revokeAll(), one of two': await login(sessions, 'all'),
    'revokeAll(), two of two': await login(sessions, 'all'),
    'revokeOthers()': await login(sessions, 'others'),
    revoke: await login(sessions, 'one'),
    'a limit': await login(sessions, 'limited'),
    'revokeAll() in another process, once the cookie has come back': await login(sessions, 'elsewhere'),
    'logout, in a cookie with revocations': await login(inCookies, 'logout'),
    'revokeAll(), in a cookie with revocations': await login(inCookies, 'all'),
    'logout, in a bare cookie': await login(bare, 'logout'),
    'its deadline, once the cookie has come back': await login(sessions, 'late', { remember: '1m' }),
    'its deadline, in a cookie': await login(bare, 'late', { remember: '1m' }),
    'the first sweep after its idle limit, read before': byRead,
    'the first sweep after its idle limit, written before': byWrite,
    'the first sweep after its idle limit, in a cookie': await login(sweptInCookies, 'late'),
    'the removal of its secret': byOld,
    'the removal of its secret, in a cookie': byOldInCookie,
    'a change of the credential, once the cookie has come back': await login(withCredential, 'changed'),
  }
  const cookieOf = (title: string) => ended[title]?.cookie ?? ''
  await commit(sessions, cookieOf('logout'), (session) => session.logout())
  await sessions.of('all').revokeAll()
  await sessions
    .of('others')
    .revokeOthers(await sessions.read({ cookie: alive['of the one that goes on after revokeOthers()']?.cookie }))
  const [device] = await sessions.of('one').list()
  await sessions.of('one').revoke(device?.handle ?? '')
  await login(sessions, 'limited', { limit: 1 })
  await elsewhere.of('elsewhere').revokeAll()
  await read(sessions, cookieOf('revokeAll() in another process, once the cookie has come back'))
  // Written once more, so that two texts of the cookie were made.
  const again = await commit(inCookies, cookieOf('logout, in a cookie with revocations'), (session) =>
    session.set('n', 1),
  )
  await commit(inCookies, again, (session) => session.logout())
  await inCookies.of('all').revokeAll()
  await commit(bare, cookieOf('logout, in a bare cookie'), (session) => session.logout())
  clock.advance(30_000)
  // Their idle limits move on, and those of the others of these sessions do not.
  for (let turn = 0; turn < 2; turn++) await read(swept, alive['that a sweep leaves']?.cookie ?? '')
  const staying = alive['in a cookie, that a sweep leaves']?.cookie
  await read(sweptInCookies, await commit(sweptInCookies, staying, (session) => session.set('n', 1)))
  clock.advance(31_000)
  for (const one of [swept, sweptInCookies]) await one.clearExpired()
  await read(sessions, cookieOf('its deadline, once the cookie has come back'))
  await read(bare, cookieOf('its deadline, in a cookie'))
  for (const one of [rotating, rotatingCookies]) await one.reloadSecrets([secret('new')])
  password = 'two'
  await read(withCredential, cookieOf('a change of the credential, once the cookie has come back'))

  // Unsealed cookies are no plaintext, so the snapshot has the contents only if a memo has them.
  const remembered = await rememberedNow()
  assert.deepEqual(remembered(alive), Object.keys(alive), 'the snapshot does not show what is remembered')
  assert.deepEqual(remembered(ended), [])
})

it('what has expired is forgotten in the background, in processes too that have nothing to remove', {
  timeout: 60_000,
}, async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.after(() => mock.timers.reset())
  const clock = manualClock()
  const stored = (changes: Partial<IndexedStore>) => Object.assign(memory({ clock, max: 10 }), changes)
  const { traits } = memory({ max: 10 })
  const stores: Record<string, SessionsOptions['store']> = {
    'where another process sweeps': stored({ tryWithLock: async () => null }),
    'where the sweep fails': stored({ clearExpired: () => Promise.reject(new StoreError('The store is down.')) }),
    'where the store removes by itself': stored({ traits: { ...traits, expiresByItself: true } }),
    'in a cookie': cookie(),
  }
  const all = Object.entries(stores).map(([title, store]) => {
    // What is not sealed is in a store of this process for as long as the store has it.
    const seal = title === 'in a cookie' ? {} : { seal: 'two-key' }
    const options = { secrets: secret('forgetting'), idle: '1m', clock, store, ...seal } as SessionsOptions
    return { title, swept: createSessions<Data>(options), never: createSessions<Data>({ ...options, sweep: false }) }
  })
  const [expired, never]: [Record<string, Marked>, Record<string, Marked>] = [{}, {}]
  for (const each of all) {
    expired[each.title] = await login(each.swept, 'ada')
    never[each.title] = await login(each.never, 'ada')
  }
  clock.advance(3_600_000)
  mock.timers.tick(3_600_000)
  await turn()
  const remembered = await rememberedNow()
  assert.deepEqual(remembered(expired), [])
  assert.deepEqual(remembered(never), Object.keys(never), 'the snapshot does not show what is remembered')
  for (const { swept, never } of all) await Promise.all([swept.close(), never.close()])
})
