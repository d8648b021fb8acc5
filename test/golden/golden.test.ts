import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { cookieCodec } from '../../packages/strongroom/src/crypto/cookie-seal.ts'
import { createKeyring } from '../../packages/strongroom/src/crypto/keyring.ts'
import { ownerTag } from '../../packages/strongroom/src/crypto/owner.ts'
import { createSeal, openLabel } from '../../packages/strongroom/src/crypto/seal.ts'
import {
  computedToken,
  handleOf,
  type Id,
  renewedToken,
  verifyToken,
} from '../../packages/strongroom/src/crypto/token.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import type { Session } from '../../packages/strongroom/src/session/session.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { AEADS } from '../core/fixtures/aead.ts'
import { visitor } from '../core/fixtures/visitor.ts'
import { CLOCK, DATA, type Golden, LOGIN, NAME, USERS } from './golden.ts'

const bytes = (hex: string) => Buffer.from(hex, 'hex')
const clock = () => CLOCK + 60_000

for (const format of [1])
  describe(`what was written in format ${format}`, () => {
    const golden: Golden = JSON.parse(readFileSync(new URL(`format-${format}.json`, import.meta.url), 'utf8'))
    // Also in reverse order, so that what the first secret made is opened when that secret is the retired one.
    const rings = [golden.secrets, [...golden.secrets].reverse()].map((secrets) => createKeyring(secrets))
    const [ring = assert.fail()] = rings

    it('its secrets still derive the same keys', () => {
      golden.masters.forEach(({ kid, keys }, i) => {
        const { current } = createKeyring(golden.secrets[i] as string)
        const { kid: derived, ...others } = current
        assert.equal(derived, kid)
        const inHex = Object.entries(others).map(([use, key]) => [use, key.export().toString('hex')])
        assert.deepEqual(Object.fromEntries(inHex), keys)
      })
    })

    it('its tokens are still valid, with the same ids and handles', () => {
      assert.ok(golden.tokens.length > 0)
      for (const ring of rings)
        for (const { namespace, cookie, handle, computed, ...expected } of golden.tokens) {
          const verified = verifyToken(cookie, ring, namespace)
          assert.ok(typeof verified === 'object')
          const { sid, token, generation, id } = verified
          const [sidInHex, inHex] = [sid, token].map((bytes) => Buffer.from(bytes).toString('hex'))
          assert.deepEqual({ sid: sidInHex, token: inHex, generation, id }, expected)
          assert.equal(handleOf(id), handle)
          assert.equal(renewedToken(verified, namespace).id, id)
        }
    })

    it('its computed tokens are computed again', () => {
      const computed = golden.tokens.filter((each) => each.computed)
      assert.ok(computed.length > 0)
      for (const { namespace, cookie, computed: from = assert.fail() } of computed)
        assert.equal(computedToken(ring.masters[from.secret] ?? assert.fail(), namespace, from.what).text, cookie)
    })

    it('its users still have the same owner tags', () => {
      assert.ok(golden.owners.length > 0)
      for (const { secret, namespace, userId, tag } of golden.owners)
        assert.equal(ownerTag(ring.masters[secret] ?? assert.fail(), namespace, userId), tag)
    })

    it('its records, labels and cookies of both ciphers still open, with every implementation', () => {
      assert.ok([golden.records, golden.labels, golden.cookies].every(({ length }) => length > 0))
      for (const kind of [golden.records, golden.labels, golden.cookies])
        assert.equal(new Set(kind.map(({ cipher }) => cipher)).size, 2)
      for (const ring of rings) {
        for (const aead of AEADS) {
          for (const { seal, cookie, superseded, owner, payload, renewedAt, bornUnder, bytes: hex } of golden.records) {
            const [verified, before] = [cookie, superseded].map((text) => verifyToken(text, ring, NAME))
            assert.ok(typeof verified === 'object' && typeof before === 'object')
            const opener = createSeal(seal, ring, aead)
            assert.deepEqual(opener.open(bytes(hex), verified, owner), { payload, generation: 1, renewedAt, bornUnder })
            assert.deepEqual(opener.open(bytes(hex), before, owner), { refused: 'superseded' })
          }
          for (const { id, label, bytes: hex } of golden.labels)
            assert.deepEqual(openLabel(aead, bytes(hex), ring, id as Id), { stamp: undefined, ...label })
          for (const { protection, payload, text } of golden.cookies) {
            const decoded = cookieCodec(protection, ring, NAME, aead).decode(text)
            assert.equal('payload' in decoded && decoded.payload, payload)
          }
        }
      }
    })

    const isWhole = (session: Session) => {
      assert.equal(session.userId, USERS[0])
      assert.deepEqual(Object.fromEntries(session.keys().map((key) => [key, session.get(key)])), DATA)
      const days = (count: number) => new Date(CLOCK + count * 86_400_000)
      assert.deepEqual(
        [session.createdAt, session.authenticatedAt, session.expiresAt, session.endsAt],
        [days(0), days(0), days(30), days(30)],
      )
    }

    it('its sessions in a store continue, and are in the lists of their users', async () => {
      for (const { seal, cookie, id, bytes: hex, label, ...entry } of golden.resting) {
        const store = memory({ max: 10, clock })
        await store.create(id as Id, { ...entry, bytes: bytes(hex), label: label === null ? null : bytes(label) })
        const sessions = createSessions({ secrets: golden.secrets, store, seal, clock })
        const guest = visitor(sessions, undefined, cookie)
        await guest.visit((session) => {
          isWhole(session)
          session.set('after', 1)
        })
        const [device] = await sessions.of(USERS[0]).list()
        assert.equal(device?.label, LOGIN.label)
        await guest.visit((session) => assert.equal(session.get('after'), 1))
      }
    })

    it('its sessions in cookies continue', async () => {
      for (const { protection, cookie: text } of golden.travelling) {
        const sessions = createSessions({
          secrets: golden.secrets,
          store: cookie({ protection }),
          clock,
          cookie: { name: NAME },
        })
        await visitor(sessions, undefined, text).visit(isWhole)
      }
    })

    it('its revocations still refuse the cookies that they ended', async () => {
      for (const { cookie: text, marks } of golden.ended) {
        const revocations = memory({ max: 10, clock })
        const store = cookie({ revocations })
        const sessions = createSessions({ secrets: golden.secrets, store, clock, cookie: { name: NAME } })
        await visitor(sessions, undefined, text).visit((session) => assert.equal(session.userId, USERS[0]))
        for (const { id, bytes: hex, label, expiresAt } of marks)
          await revocations.create(id as Id, {
            bytes: bytes(hex),
            expiresAt,
            owner: null,
            label: label === null ? null : bytes(label),
            createdAt: CLOCK,
          })
        await visitor(sessions, undefined, text).visit((session) => assert.equal(session.userId, null))
      }
    })
  })
