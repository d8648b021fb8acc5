import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { createKeyring } from '../../packages/strongroom/src/crypto/keyring.ts'
import { createSeal, type SealName } from '../../packages/strongroom/src/crypto/seal.ts'
import { mint, parse, type VerifiedToken } from '../../packages/strongroom/src/crypto/token.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { visitor } from '../core/kit/visitor.ts'
import { find, formsOf, type Secret } from './kit/search.ts'
import { SECRET, sessionsOn } from './kit/site.ts'
import { onEach } from './kit/world.ts'
import { WORLDS } from './worlds.ts'

const mark = (name: string) => `${name}-${randomBytes(8).toString('hex')}`

interface Visits {
  readonly hidden: Readonly<Record<string, string | Uint8Array>>
  readonly cookies: readonly string[]
}

/** Sessions in every state: begun, signed in, written again, signed out, revoked. */
async function live(store: Store, seal: SealName): Promise<Visits> {
  const sessions = sessionsOn(store, { seal })
  const [canary, user, label] = [mark('canary'), mark('user'), mark('label')]
  const cookies = new Set<string>()
  for (let i = 0; i < 5; i++) {
    const guest = visitor(sessions)
    const visit: typeof guest.visit = async (work) => {
      const result = await guest.visit(work)
      if (guest.cookie) cookies.add(guest.cookie)
      return result
    }
    await visit((session) => session.set('data', canary))
    await visit((session) => session.login(user, { label }))
    await visit((session) => session.set('more', [canary, i]))
    if (i === 4) await visit((session) => session.logout())
  }
  return { hidden: { canary, user, label }, cookies: [...cookies] }
}

/** What nobody may find: the secrets of the sessions, and what opens them. */
function secretsOf({ hidden, cookies }: Visits): Secret[] {
  const tokens = cookies.map((cookie) => Buffer.from(cookie, 'base64url').subarray(2, 34))
  return [
    ...Object.entries(hidden),
    ...cookies.map((cookie): Secret => ['a cookie', cookie]),
    ...tokens.map((token): Secret => ['a token', token]),
    ['the secret', SECRET],
    ['the secret', Buffer.from(SECRET, 'base64url')],
  ]
}

describe('the search', () => {
  it('finds a secret in whatever encoding, at whatever place', () => {
    const secret = randomBytes(32)
    const encodings = ['latin1', 'hex', 'base64', 'base64url'] as const
    for (let before = 0; before < 7; before++)
      for (const encoding of encodings) {
        const text = Buffer.concat([randomBytes(before), secret, randomBytes(5)]).toString(encoding)
        const loot = new Map([['here', Buffer.from(text, encoding === 'latin1' ? 'latin1' : 'utf8')]])
        assert.deepEqual(find([['it', secret]], loot), [{ what: 'it', where: 'here' }], encoding)
        assert.deepEqual(find([['it', randomBytes(32)]], loot), [])
      }
    for (const form of formsOf(secret)) assert.ok(form.length >= 32, 'long enough to be found by no accident')
  })
})

onEach(WORLDS, { title: 'whoever steals all that rests', synced: false }, ({ name }, place) => {
  it('finds neither data nor users nor devices nor cookies nor tokens; without a seal the same search finds them', async (test) => {
    const store = await place().open()
    const visits = [await live(store, 'two-key'), await live(store, 'server-key')]
    const running = await place().loot()
    await store.close()
    if (running.size === 0) return test.skip(`${name}: nothing rests outside of the process`)
    const after = await place().loot()
    for (const loot of [running, after])
      assert.deepEqual(find(visits.flatMap(secretsOf), loot), [], 'lies there to be read')
    const bytes = [...running.values()].reduce((sum, { length }) => sum + length, 0)
    test.diagnostic(`searched ${running.size} files and dumps, ${(bytes / 2 ** 20).toFixed(1)} MB`)

    const open = await place().open()
    const { hidden } = await live(open, 'none')
    await open.close()
    const loot = await place().loot()
    for (const what of ['canary', 'user']) {
      const places = find([[what, hidden[what] ?? '']], loot).map(({ where }) => where)
      assert.notDeepEqual(places, [], `the search cannot find ${what}`)
      test.diagnostic(`without a seal, the ${what} was found in ${places.length}: ${places.slice(0, 5).join(', ')}`)
    }
  })

  it('and the secrets of the server with it still opens no record: the tokens are elsewhere', async () => {
    const store = await place().open()
    const ring = createKeyring([SECRET])
    const opens = createSeal('two-key', ring)
    const { cookies } = await live(store, 'two-key')
    const claims = cookies
      .map((cookie) => parse(cookie, ring))
      .filter((claim): claim is VerifiedToken => typeof claim === 'object')
    let rows = 0
    for (const { id } of claims) {
      const row = (await store.read(id))?.entry
      if (!row) continue
      rows += 1
      for (const claim of [mint(ring), mint(ring)])
        assert.equal(typeof opens.open(row.bytes, claim, row.owner), 'object')
      // With the cookie of one session, too, that one opens, and the others stay shut.
      const opened = claims.filter((claim) => typeof opens.open(row.bytes, claim, row.owner) === 'string')
      assert.deepEqual(
        opened.map((claim) => claim.id),
        [id],
      )
    }
    assert.equal(rows, 4)
    await store.close()
  })
})
