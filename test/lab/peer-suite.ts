import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { search } from '../../packages/cli/src/lab/search.ts'
import { NotShared, type Row, type Site, type StoredFile } from '../../packages/cli/src/lab/site.ts'
import { route, send, Visitor } from '../../packages/cli/src/lab/visitor.ts'

/** What is known of a row of another library. */
export interface Peer {
  readonly row: string
  readonly needs: readonly { readonly skip: string | false }[]
  /** Where its sessions are. */
  readonly keeps: 'in the process' | 'in a store' | 'in the cookie'
  readonly version: RegExp
  /** Is a session over when its time is, whatever the browser still sends? */
  readonly expires: boolean
  /** Is an expired session removed by what the library offers? Null where it offers nothing. */
  readonly sweeps: boolean | null
  /** Does what lies in the store sign in without the secret? */
  readonly keyIsCookie?: boolean
  readonly renews?: true
  readonly revokesAll?: true
  /** Is a change saved although its handler failed? */
  readonly savesFailures: boolean
}

const HOUR = 3_600_000

/** Each of these rows, and no other. */
export function peerSuites(peers: readonly Peer[], rows: readonly Row[]): void {
  test('each row of another library has a test', () => {
    assert.deepEqual(
      rows.map(({ name }) => name),
      peers.map(({ row }) => row),
    )
  })
  for (const peer of peers) suite(peer.row, { skip: skipOf(peer) }, () => rowTests(peer, rows))
}

function skipOf({ needs }: Peer): string | false {
  return needs.map(({ skip }) => skip).find((skip) => skip !== false) ?? false
}

function rowTests(peer: Peer, rows: readonly Row[]): void {
  let site: Site
  before(async () => {
    const row = rows.find(({ name }) => name === peer.row)
    assert.ok(row)
    site = await row.start()
  })
  after(() => site?.stop())

  async function signedIn(note = 'a secret note of Ada'): Promise<Visitor> {
    const visitor = new Visitor(site)
    assert.equal((await visitor.send(route('/login', { user: 'ada' }))).user, 'ada')
    assert.equal((await visitor.send(route('/set', { key: 'note', value: note }))).status, 200)
    return visitor
  }

  test('says which versions it has run', () => {
    assert.match(site.row.version ?? '', peer.version)
  })

  test('signs in, keeps data, adds, and logs out', async () => {
    const visitor = await signedIn()
    await visitor.send(route('/add', { key: 'count' }))
    await visitor.send(route('/add', { key: 'count' }))
    const { user, data } = await visitor.send('/read')
    assert.deepEqual({ user, data }, { user: 'ada', data: { note: 'a secret note of Ada', count: 2 } })
    await visitor.send('/logout')
    const after = await visitor.send('/read')
    assert.deepEqual({ user: after.user, data: after.data }, { user: null, data: {} })
    assert.equal((await send(site, '/read', null)).user, null)
  })

  test('says that it has no such operation, or does it', async () => {
    const visitor = await signedIn()
    const renewed = await visitor.send('/renew')
    assert.equal(renewed.status, peer.renews ? 200 : 501)
    assert.equal((await visitor.send('/read')).data.note, 'a secret note of Ada')
    const ended = await send(site, route('/revoke-all', { user: 'ada' }), null)
    assert.equal(ended.status, peer.revokesAll ? 200 : 501)
    assert.equal((await visitor.send('/read')).user, peer.revokesAll ? null : 'ada')
  })

  test('fails with a 500 where the handler fails', async () => {
    const visitor = await signedIn()
    const { status, body } = await visitor.send(route('/fail', { key: 'paid', value: 'yes' }))
    assert.equal(status, 500)
    assert.doesNotMatch(body, /a secret note of Ada/)
    assert.equal((await visitor.send('/read')).data.paid, peer.savesFailures ? 'yes' : undefined)
  })

  test('sets its cookie as behind TLS, and leaves the headers for caches to the application', async () => {
    const { setCookies, headers } = await new Visitor(site).send(route('/login', { user: 'ada', public: 1 }))
    const cookie = setCookies.find(({ name }) => name === site.cookieName)
    assert.equal(cookie?.secure, true)
    assert.equal(cookie?.httpOnly, true)
    assert.match(headers['cache-control'] ?? '', /public/)
  })

  test('waits at a gate with a session that it has loaded', async () => {
    const visitor = await signedIn()
    const slow = visitor.send(route('/set', { key: 'slow', value: 'yes', gate: 'gate' }))
    await site.waiting('gate')
    await site.open('gate')
    assert.equal((await slow).data.slow, 'yes')
    assert.equal((await visitor.send('/read')).data.slow, 'yes')
  })

  test('counts what reaches its store', async () => {
    if (peer.keeps === 'in the cookie') return assert.equal(site.storeCalls, null)
    const before = await site.storeCalls?.()
    await signedIn()
    assert.ok(Number(await site.storeCalls?.()) > Number(before))
  })

  test('is one of several servers where its sessions are outside of the process', async () => {
    const visitor = await signedIn()
    if (peer.keeps === 'in the process') return assert.rejects(site.another(), NotShared)
    const other = await site.another()
    try {
      assert.equal((await send(other, '/read', visitor.cookies)).user, 'ada')
    } finally {
      await other.stop()
    }
  })

  test('comes back after it was killed, with the sessions that its store has', async () => {
    const visitor = await signedIn()
    await site.kill()
    await assert.rejects(send(site, '/read', visitor.cookies))
    await site.restart()
    assert.equal((await visitor.send('/read')).user, peer.keeps === 'in the process' ? null : 'ada')
  })

  test('has rows that can be put back, where there are rows', async () => {
    const { rows, cache } = site.storage
    assert.equal(rows !== null, peer.keeps === 'in a store')
    if (!rows) return
    const known = new Set((await rows.list()).map(({ key }) => key))
    const visitor = await signedIn()
    const [row] = (await rows.list()).filter(({ key }) => !known.has(key))
    assert.ok(row)
    await visitor.send(route('/set', { key: 'note', value: 'a newer note' }))
    // What is in front of them would hide it.
    for (const copy of (await cache?.list()) ?? []) await cache?.delete(copy.key)
    await rows.put(row)
    assert.equal((await visitor.send('/read')).data.note, 'a secret note of Ada')
    for (const copy of (await cache?.list()) ?? []) await cache?.delete(copy.key)
    await rows.delete(row.key)
    // A response to a dead cookie may take it away, so it is sent apart.
    assert.equal((await send(site, '/read', visitor.cookies)).user, null)
  })

  test('is read by a thief as far as its formats allow', async () => {
    const note = `note ${peer.row.length} of a thief`
    const visitor = await signedIn(note)
    for (const files of [await site.storage.files(), await site.storage.backup()]) {
      assert.equal(files !== null, peer.keeps === 'in a store')
      if (files === null) continue
      const [without, known] = [await stolen(site, files, []), await stolen(site, files, site.secrets)]
      assert.ok(search([...files, ...without.texts], note).length > 0, 'the note is found')
      assert.equal(without.users.includes('ada'), peer.keyIsCookie === true, 'without the secret')
      assert.ok(known.users.includes('ada'), 'with the secret')
    }
    assert.equal((await visitor.send('/read')).user, 'ada')
  })

  test('signs nobody in by what a thief makes of nothing', async () => {
    assert.deepEqual((await stolen(site, [], [])).users, [])
  })

  test('ends a session in time, and removes it where the library offers that', async () => {
    assert.equal(site.sweep === null, peer.sweeps === null)
    const visitor = await signedIn()
    const { rows, cache } = site.storage
    await site.clock?.(HOUR + 61_000)
    if (peer.sweeps !== null) await site.sweep?.()
    // Redis removes what is in it by its own clock.
    const removed = peer.sweeps || /Redis|redis/.test(peer.row)
    for (const each of removed ? [rows, cache] : []) assert.deepEqual((await each?.list()) ?? [], [])
    assert.equal((await visitor.send('/read')).user, peer.expires ? null : 'ada')
    await site.clock?.(0)
    assert.equal((await signedIn()).cookies.has(site.cookieName), true)
  })

  test('knows who signs in while its clock is ahead, and time passes once for all servers', async () => {
    const others = peer.keeps === 'in the process' ? [] : [await site.another(), await site.another()]
    const all = [site, ...others]
    try {
      for (const each of all) await each.clock?.(30 * HOUR)
      const visitor = await signedIn()
      for (const each of all) await each.clock?.(30.6 * HOUR)
      for (const each of all) assert.equal((await send(each, '/read', visitor.cookies)).user, 'ada')
    } finally {
      for (const other of others) await other.stop()
      await site.clock?.(0)
    }
  })
}

/** What a thief of these files reads, and whom every cookie that is made of them signs in. */
async function stolen(site: Site, files: readonly StoredFile[], secrets: readonly string[]) {
  assert.ok(site.thief)
  const { texts, cookies } = await site.thief({ files, rows: [], secrets })
  const answers = []
  for (let at = 0; at < Math.min(cookies.length, 800); at += 16)
    answers.push(...(await Promise.all(cookies.slice(at, at + 16).map((cookie) => send(site, '/read', cookie)))))
  return { texts, users: answers.flatMap(({ user }) => (user === null ? [] : [user])) }
}
