import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { createCopyKeys } from '../../packages/strongroom/src/crypto/copy-keys.ts'
import { createLiveKeyring } from '../../packages/strongroom/src/crypto/keyring.ts'
import type { Primitives } from '../../packages/strongroom/src/crypto/primitives.ts'
import { primitivesFor } from '../../packages/strongroom/src/crypto/provider.ts'
import { cached } from '../../packages/strongroom/src/engines/cached/cached.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { CopyKeys, IndexedStore, Store } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { watched } from '../../packages/strongroom/src/testing/watched.ts'
import type { Anything } from './fixtures/fixture.ts'
import { secret } from './fixtures/secret.ts'
import { visitor } from './fixtures/visitor.ts'

const [A, B] = [secret('a'), secret('b')]
const node = primitivesFor('node')
const keysOf = (secrets: string | string[], namespace = 'id', primitives: Primitives = node) =>
  createCopyKeys(createLiveKeyring(secrets), primitives, namespace)
const copy = Buffer.from('a copy')

describe('keys for copies', () => {
  it('sign with an HMAC over namespace, name and digest, the same with every implementation', () => {
    const { current } = createLiveKeyring(A)
    const digest = createHash('sha512').update(copy).digest()
    const tag = createHmac('sha512', current.copy).update('id\nname\n').update(digest).digest().subarray(0, 32)
    const expected = Buffer.concat([Buffer.of(7, current.kid), tag, copy])
    for (const primitives of [node, primitivesFor('auto')])
      assert.deepEqual(keysOf(A, 'id', primitives).sign('name', copy), expected)
  })

  it('open what was signed for this name and namespace under a key that they have, and nothing else', () => {
    const keys = keysOf(A)
    const signed = keys.sign('name', copy) ?? assert.fail()
    assert.deepEqual(keys.open('name', signed), copy)
    assert.deepEqual(keysOf([B, A]).open('name', signed), copy)
    assert.equal(keysOf(B).open('name', signed), null)
    assert.equal(keys.open('nam', signed), null)
    assert.equal(keysOf(A, 'admin').open('name', signed), null)
    assert.equal(keysOf(A, 'id\nna').open('me', signed), null)
    // Under the key id of another secret.
    const forged = Buffer.from(signed)
    forged[1] = createLiveKeyring(B).current.kid
    assert.equal(keysOf([A, B]).open('name', forged), null)
    for (let at = 0; at < signed.length; at++) {
      const altered = Buffer.from(signed)
      altered[at] = (altered[at] as number) ^ 0x10
      assert.equal(keys.open('name', altered), null, `byte ${at}`)
      assert.equal(keys.open('name', signed.subarray(0, at)), null, `${at} bytes`)
    }
  })

  it('sign and open nothing while the provider of the secrets has not answered', async () => {
    const ring = createLiveKeyring(async () => A)
    const keys = createCopyKeys(ring, node, 'id')
    const signed = keysOf(A).sign('name', copy) ?? assert.fail()
    assert.deepEqual([keys.sign('name', copy), keys.open('name', signed)], [null, null])
    await ring.ready()
    assert.deepEqual([keys.sign('name', copy), keys.open('name', signed)], [signed, copy])
  })
})

describe('createSessions', () => {
  /** Nodes of several applications over one durable store, with one cache that is not in this process, as far as they know. */
  function nodes() {
    const clock = manualClock()
    const [durable, inner] = [watched(memory({ clock, max: 99 })), memory({ clock, max: 99, evicts: true })]
    const cache: Store = { ...watched(inner).store, traits: { ...inner.traits, shared: 'network' } }
    const node = (secrets: string[] | (() => Promise<string>)) => {
      const store = cached({ durable: durable.store as IndexedStore, cache, clock })
      return createSessions<Anything>({ store, secrets, clock, sweep: false, cookie: { name: 'id', secure: false } })
    }
    /** Whether this node asks the durable store for the session of this cookie, of user ada. */
    async function asks(sessions: ReturnType<typeof node>, value: string | null): Promise<boolean> {
      await turn()
      durable.calls.length = 0
      await visitor(sessions, undefined, value).visit((session) => assert.equal(session.userId, 'ada'))
      return durable.calls.length > 0
    }
    return { node, asks }
  }

  it('hands its store keys that follow the secrets: nodes with the same secrets use the copies of each other', async () => {
    const { node, asks } = nodes()
    const [one, two, later] = [node([A, B]), node([A, B]), node(async () => A)]
    const ada = visitor(one)
    await ada.visit((session) => session.login('ada'))
    assert.equal(await asks(one, ada.cookie), true)
    for (const each of [one, two, later]) assert.equal(await asks(each, ada.cookie), false)
    await two.reloadSecrets([B, A])
    assert.equal(await asks(two, ada.cookie), false)
    await two.reloadSecrets([B])
    await turn()
    await visitor(two, undefined, ada.cookie).visit((session) => assert.equal(session.userId, null))
  })

  it('hands keys to a store of sessions and to one of revocations', () => {
    for (const engine of [(store: IndexedStore) => store, (revocations: IndexedStore) => cookie({ revocations })]) {
      const given: CopyKeys[] = []
      const store = Object.assign(memory(), { authenticate: (keys: CopyKeys) => void given.push(keys) })
      createSessions({ store: engine(store), secrets: A, sweep: false })
      assert.equal(given.length, 1)
      const signed = given[0]?.sign('name', copy) ?? assert.fail('not signed')
      assert.deepEqual(keysOf(A, '__Host-id').open('name', signed), copy)
    }
  })
})
