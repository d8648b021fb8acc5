import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SessionGone } from '../../src/errors.ts'
import type { Session } from '../../src/session.ts'
import { WORLDS } from './kit/engines.ts'
import type { Anything, Fixture } from './kit/fixture.ts'
import { interrupt, settle } from './kit/gates.ts'
import type { Visitor } from './kit/visitor.ts'

type S = Session<Anything>
const MINUTE = 60_000

/** What a slow request does with the session. */
const SLOW: Record<string, (session: S, world: Fixture) => void> = {
  'a request that writes': (session) => session.set('a', 2),
  'a request that counts': (session) => session.update('n', (n = 0) => n + 1),
  'a request that clears': (session) => session.clear(),
  'a request that renews': (session) => session.renew(),
  'a request that writes and renews': (session) => session.set('a', 2).renew(),
  'a request that changes the expiry': (session) => session.setExpiry({ idle: '20m', absolute: '5h' }),
  'a request that signs in again': (session) => session.login('ada'),
  'a request that only reads, and touches': () => undefined,
}

/** How a session ends meanwhile: true when it was live, and so is to stay dead. */
const ENDS: Record<string, (world: Fixture, victim: Visitor<Anything>, other: Visitor<Anything>) => Promise<boolean>> =
  {
    'a logout': (_, victim) =>
      victim.visit((session) => {
        session.logout()
        return session.isNew === false
      }),
    'a revocation of all': async ({ sessions }) => {
      await sessions.of('ada').revokeAll()
      return true
    },
    'a revocation from another device': async ({ sessions }, _, other) => {
      await other.visit((session) => sessions.of('ada').revokeOthers(session))
      return true
    },
    'a revocation by handle': async ({ sessions }) => {
      const [device] = (await sessions.of('ada').list()).filter(({ label }) => label === 'victim')
      return device ? sessions.of('ada').revoke(device.handle) : false
    },
    'its idle time': async ({ clock }) => {
      clock.advance(31 * MINUTE)
      return true
    },
    'its absolute deadline': async ({ clock }) => {
      clock.advance(13 * 60 * MINUTE)
      return true
    },
  }

/** A victim and another device, both signed in; the victim is due for a touch. */
async function scene(world: Fixture) {
  const [victim, other] = [world.visitor(), world.visitor()]
  await other.visit((session) => session.login('ada', { label: 'other', remember: true }))
  await victim.visit((session) => session.set('secret', 1).set('n', 1).login('ada', { label: 'victim' }))
  world.clock.advance(4 * MINUTE)
  await settle()
  return { victim, other }
}

async function isDead(world: Fixture, ...cookies: (string | null)[]) {
  await settle()
  for (const cookie of cookies) {
    const thief = world.visitor()
    thief.cookie = cookie
    // A visitor's own new session is none of the dead one's.
    assert.deepEqual(await thief.visit((session) => [session.userId, session.has('secret')]), [null, false])
  }
}

for (const [name, make] of Object.entries(WORLDS))
  describe(`on ${name}, a session stays dead`, () => {
    for (const [what, slow] of Object.entries(SLOW))
      for (const [end, ends] of Object.entries(ENDS)) {
        if (name.startsWith('cookie') && end === 'a revocation by handle') continue
        it(`that ${end} ended at any point of ${what}`, async () => {
          for (let at = 0; ; at++) {
            const world = make()
            const { victim, other } = await scene(world)
            const [before, late] = [victim.cookie, victim.copy()]
            let told = false
            const request = async () => {
              const begun = late.begin()
              slow(await begun.session(), world)
              await begun.respond()
            }
            const sudden = async () => {
              told = await ends(world, victim.copy(), other)
            }
            const { reached, result } = await interrupt(world.gates, request, sudden, at)
            if (!reached) break
            // A session that was signed in to again, or renewed, before its end is the one that ended.
            const renewed = late.cookie !== null && late.cookie !== before
            await isDead(world, before)
            const fresh = what.includes('signs in') && result.status === 'fulfilled'
            if (told && !fresh) await isDead(world, before, late.cookie)
            if (result.status === 'rejected') {
              assert.ok(result.reason instanceof SessionGone, String(result.reason))
              assert.equal(renewed, false, 'who is told that the session is gone gets no cookie')
            }
            await world.store.close()
          }
        })
      }
  })
