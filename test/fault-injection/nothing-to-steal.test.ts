import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAead } from '../../packages/strongroom/src/crypto/aead.ts'
import { createKeyring } from '../../packages/strongroom/src/crypto/keyring.ts'
import { primitivesFor } from '../../packages/strongroom/src/crypto/provider.ts'
import { createSeal, type SealName } from '../../packages/strongroom/src/crypto/seal.ts'
import { newToken, renewedToken, type VerifiedToken, verifyToken } from '../../packages/strongroom/src/crypto/token.ts'
import { isSession, type Store } from '../../packages/strongroom/src/store.ts'
import { visitor } from '../core/fixtures/visitor.ts'
import { ENVIRONMENTS } from './environments.ts'
import { onEach } from './fixtures/environment.ts'
import { find, formsOf, type Secret } from './fixtures/search.ts'
import { NAMESPACE, SECRET, sessionsOn } from './fixtures/site.ts'

const unique = (name: string) => `${name}-${randomBytes(8).toString('hex')}`

interface Visits {
  readonly hidden: Readonly<Record<string, string | Uint8Array>>
  readonly cookies: readonly string[]
}

/** Uses sessions in every state: new, logged in, written again, renewed, logged out. */
async function live(store: Store, seal: SealName): Promise<Visits> {
  // What the visitor's address is shortened to, and nothing else has.
  const network = `2001:db8:${randomInt(0x1000, 0xffff).toString(16)}::`
  const address = store.byOwner && { address: () => `${network}9:7` }
  const sessions = sessionsOn(store, { seal, ...address })
  const [canary, user, label] = [unique('canary'), unique('user'), unique('label')]
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
    await visit((session) => session.renew())
    if (i === 4) await visit((session) => session.logout())
  }
  if (address) {
    const listed = await sessions.of(user).list()
    assert.deepEqual(new Set(listed.map((device) => device.address)), new Set([`${network}/48`]))
  }
  return { hidden: { canary, user, label, ...(address && { network }) }, cookies: [...cookies] }
}

/** What must not be found: the data of the sessions, and what opens them. */
function secretsOf({ hidden, cookies }: Visits): Secret[] {
  const bytes = cookies.map((cookie) => Buffer.from(cookie, 'base64url'))
  return [
    ...Object.entries(hidden),
    ...cookies.map((cookie): Secret => ['a cookie', cookie]),
    ...bytes.map((each): Secret => ['a sid', each.subarray(6, 22)]),
    ...bytes.map((each): Secret => ['a token', each.subarray(22, 54)]),
    ['the secret', SECRET],
    ['the secret', Buffer.from(SECRET, 'base64url')],
  ]
}

describe('the search', () => {
  it('finds a secret in any encoding at any position', () => {
    const secret = randomBytes(32)
    const encodings = ['latin1', 'hex', 'base64', 'base64url'] as const
    for (let before = 0; before < 7; before++)
      for (const encoding of encodings) {
        const text = Buffer.concat([randomBytes(before), secret, randomBytes(5)]).toString(encoding)
        const files = new Map([['here', Buffer.from(text, encoding === 'latin1' ? 'latin1' : 'utf8')]])
        assert.deepEqual(find([['it', secret]], files), [{ what: 'it', where: 'here' }], encoding)
        assert.deepEqual(find([['it', randomBytes(32)]], files), [])
      }
    for (const form of formsOf(secret)) assert.ok(form.length >= 32, 'long enough to be found by no accident')
  })
})

onEach(
  ENVIRONMENTS,
  { title: 'an attacker who steals everything that is stored', synced: false },
  ({ name }, running) => {
    it('finds no data, users, devices, addresses, cookies or tokens, while the same search finds them in unsealed records', async (test) => {
      const store = await running().open()
      const visits = [await live(store, 'two-key'), await live(store, 'server-key')]
      const whileOpen = await running().bytesAtRest()
      await store.close()
      if (whileOpen.size === 0) return test.skip(`${name}: nothing is stored outside the process`)
      const afterClose = await running().bytesAtRest()
      for (const files of [whileOpen, afterClose])
        assert.deepEqual(find(visits.flatMap(secretsOf), files), [], 'a secret is stored in the clear')
      const bytes = [...whileOpen.values()].reduce((sum, { length }) => sum + length, 0)
      test.diagnostic(`searched ${whileOpen.size} files and dumps, ${(bytes / 2 ** 20).toFixed(1)} MB`)

      const unsealed = await running().open()
      const { hidden } = await live(unsealed, 'none')
      await unsealed.close()
      let files = await running().bytesAtRest()
      const placesOf = (what: string) => find([[what, hidden[what] ?? '']], files).map(({ where }) => where)
      // A Redis that is still syncing what came before writes what came since some seconds later.
      for (let look = 0; look < 20 && placesOf('canary').length === 0; look++) {
        await sleep(500)
        files = await running().bytesAtRest()
      }
      for (const what of ['canary', 'user', ...(hidden.network ? ['network'] : [])]) {
        const places = placesOf(what)
        assert.notDeepEqual(places, [], `the search cannot find ${what}`)
        test.diagnostic(`without a seal, the ${what} was found in ${places.length}: ${places.slice(0, 5).join(', ')}`)
      }
    })

    it('cannot open a record even with the secrets of the server, because the tokens are in the cookies', async () => {
      const store = await running().open()
      const ring = createKeyring([SECRET])
      const opens = createSeal('two-key', ring, createAead(primitivesFor('auto')))
      const { cookies } = await live(store, 'two-key')
      const tokens = cookies
        .map((cookie) => verifyToken(cookie, ring, NAMESPACE))
        .filter((token): token is VerifiedToken => typeof token === 'object')
      assert.equal(tokens.length, cookies.length)
      let rows = 0
      for (const id of new Set(tokens.map((token) => token.id))) {
        const row = (await store.read(id))?.entry
        if (!row || !isSession(row)) continue
        rows += 1
        const opensFor = (token: VerifiedToken) => 'payload' in opens.open(row.bytes, token, row.owner)
        const [former, current, ...more] = tokens
          .filter((token) => token.id === id)
          .sort((a, b) => a.generation - b.generation)
        assert.ok(former && current && more.length === 0, 'a session was renewed once')
        // Neither a token of the same session that the server could make, nor one that the visitor had before.
        for (const foreign of [
          newToken(ring, NAMESPACE),
          renewedToken(former, NAMESPACE),
          renewedToken(current, NAMESPACE),
        ])
          assert.ok(!opensFor(foreign))
        // The current token of one session opens that session and no other.
        assert.deepEqual(tokens.filter(opensFor), [current])
      }
      assert.equal(rows, 4)
      await store.close()
    })
  },
)
