import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { type DevicePlace, partOf } from '../../packages/strongroom/src/admin/device-page.ts'
import type { UserSession } from '../../packages/strongroom/src/backing/backing.ts'
import { handleOf, type Id } from '../../packages/strongroom/src/crypto/token.ts'

/** Few moments, so that many sessions begin in the same one. */
const sessionOf = (n: number): UserSession => {
  const id = createHash('sha256').update(String(n)).digest('base64url') as unknown as Id
  return {
    id,
    createdAt: n % 7,
    expiresAt: 100,
    describe: () => ({ label: null, lastSeenAt: null, address: null, stamp: undefined }),
  }
}
const some = fc.uniqueArray(fc.nat(200), { maxLength: 60 }).map((numbers) => numbers.map(sessionOf))
const placeOf = ({ createdAt, id }: UserSession): DevicePlace => ({ createdAt, handle: handleOf(id) })
const idsOf = (sessions: readonly UserSession[]) => sessions.map(({ id }) => id)

suite('a part of a user’s sessions', () => {
  test('followed by the older ones shows each session once, newest first, and back again the same', () => {
    fc.assert(
      fc.property(some, fc.integer({ min: 1, max: 9 }), (sessions, limit) => {
        const pages = [partOf(sessions, { limit })]
        for (let last = pages[0]?.part.at(-1); last; ) {
          const next = partOf(sessions, { limit, olderThan: placeOf(last) })
          if (next.newer + next.part.length <= (pages.at(-1)?.newer ?? 0) + limit) break
          pages.push(next)
          last = next.part.at(-1)
        }
        const seen = pages.flatMap(({ part }) => part)
        assert.deepEqual(idsOf(seen).sort(), idsOf(sessions).sort())
        assert.deepEqual(
          seen.map(({ createdAt }) => createdAt),
          seen.map(({ createdAt }) => createdAt).sort((a, b) => b - a),
        )
        for (const [at, { part, newer }] of pages.entries()) {
          assert.equal(newer, at * limit)
          const [first] = part
          if (at > 0 && first) assert.deepEqual(partOf(sessions, { limit, newerThan: placeOf(first) }), pages[at - 1])
        }
      }),
    )
  })

  test('goes on from its place when others begin and end meanwhile, the one that it goes on from as well', () => {
    fc.assert(
      fc.property(some, some, fc.integer({ min: 1, max: 9 }), (before, later, limit) => {
        const { part } = partOf(before, { limit })
        const last = part.at(-1)
        if (!last) return
        const others = later.map((_, n) => sessionOf(1000 + n))
        const now = [...before.filter((one, at) => at % 3 > 0 && one !== last), ...others]
        const place = placeOf(last)
        const isOlder = (one: UserSession) =>
          one.createdAt < place.createdAt || (one.createdAt === place.createdAt && handleOf(one.id) > place.handle)
        const older = now.filter(isOlder)
        if (older.length === 0) return
        const found = partOf(now, { limit: 1000, olderThan: place })
        assert.deepEqual(idsOf(found.part).sort(), idsOf(older).sort())
        assert.equal(found.newer, now.length - older.length)
      }),
    )
  })

  test('beyond the oldest is the last that there is, and before the newest the first', () => {
    const sessions = Array.from({ length: 10 }, (_, n) => sessionOf(n))
    const [handle, limit] = ['A'.repeat(16), 4]
    const beyond = partOf(sessions, { limit, olderThan: { createdAt: -1, handle } })
    assert.deepEqual([beyond.newer, beyond.part.length], [6, 4])
    const before = partOf(sessions, { limit, newerThan: { createdAt: 99, handle } })
    assert.deepEqual([before.newer, before.part.length], [0, 4])
    assert.deepEqual(partOf([], { limit, olderThan: { createdAt: 1, handle } }), { part: [], newer: 0 })
  })
})
