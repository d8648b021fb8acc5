import assert from 'node:assert/strict'
import diagnostics from 'node:diagnostics_channel'
import { after, describe, it } from 'node:test'
import { inspect } from 'node:util'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { CHANNEL, emitter, type SessionEvent } from '../../packages/strongroom/src/events.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { carried } from './kit/engines.ts'
import { type Fixture, fixture } from './kit/fixture.ts'
import { settle } from './kit/gates.ts'
import { ringOf, secret } from './kit/ring.ts'
import { visitor } from './kit/visitor.ts'

const [USER, CANARY, LABEL] = ['user-7531', 'canary in the data', 'label of a device']
const told: SessionEvent[] = []
const secrets = new Set<string>([USER, CANARY, LABEL, secret('fixture')])

/** A scene whose events are all searched at the end of this file. */
async function scene(make: () => Fixture, play: (world: Fixture) => Promise<void>): Promise<SessionEvent[]> {
  const world = make()
  const { sessions } = world
  const open = sessions.open
  sessions.open = (headers) => {
    const text = (headers as { cookie?: string }).cookie?.split('=')[1]
    // Shorter ones are junk that a test made up.
    if (text && text.length >= 64) {
      secrets.add(text)
      const token = Buffer.from(text, 'base64url').subarray(2, 34)
      for (const encoding of ['hex', 'base64', 'base64url'] as const) secrets.add(token.toString(encoding))
    }
    return open(headers)
  }
  await play(world)
  if (world.store.scan)
    for await (const page of world.store.scan())
      for (const { id, owner } of page) {
        secrets.add(id)
        if (owner) secrets.add(owner)
      }
  told.push(...world.events)
  return world.events
}

const kinds = (events: readonly SessionEvent[]) =>
  events.map((event) => ('reason' in event ? `${event.type} ${event.reason}` : event.type))

async function signedIn(world: Fixture) {
  const guest = world.visitor()
  await guest.visit((session) => session.set('canary', CANARY).login(USER, { label: LABEL }))
  await settle()
  world.events.length = 0
  return guest
}

after(() => {
  // The last word of this file, on everything that was told in it.
  assert.ok(told.length > 40)
  for (const event of told) {
    const text = inspect(event, { depth: 5 })
    for (const hidden of secrets) assert.ok(!text.includes(hidden), `${event.type} tells ${hidden}`)
  }
})

describe('an event', () => {
  it('is told of a session’s whole life, with its reasons', async () => {
    const events = await scene(fixture, async (world) => {
      const guest = world.visitor()
      await guest.visit((session) => session.set('canary', CANARY))
      await settle()
      await guest.visit((session) => session.get('canary'))
      await guest.visit((session) => session.set('canary', `${CANARY} 2`))
      await guest.visit((session) => session.login(USER, { label: LABEL }))
      world.clock.advance(4 * 60_000)
      await settle()
      await guest.visit(() => undefined)
      await guest.visit((session) => session.renew())
      await guest.visit((session) => session.logout())
      await world.visitor().visit((session) => session.login(USER))
    })
    assert.deepEqual(kinds(events), [
      'created',
      'loaded',
      'loaded',
      'updated',
      'loaded',
      'renewed login',
      'loaded',
      'touched',
      'loaded',
      'renewed renew',
      'loaded',
      'revoked logout',
      'created',
    ])
    const handles = events.flatMap((event) => ('handle' in event && event.handle ? event.handle : []))
    for (const handle of handles) assert.match(handle, /^[\w-]{16}$/)
    const renewals = events.filter((event) => event.type === 'renewed')
    assert.ok(renewals.every(({ handle, previous }) => handle !== previous))
    assert.equal(renewals[1]?.previous, renewals[0]?.handle)
    assert.deepEqual(
      events.flatMap((event) => (event.type === 'created' ? event.authenticated : [])),
      [false, true],
    )
  })

  it('names the session by the handle that its owner sees in the list', async () => {
    await scene(fixture, async (world) => {
      const guest = await signedIn(world)
      const [device] = await world.sessions.of(USER).list()
      await guest.visit((session) => assert.equal(session.handle, device?.handle))
      assert.deepEqual(world.events, [{ type: 'loaded', handle: device?.handle }])
    })
  })

  it('is told of every way in which sessions are ended', async () => {
    const ways: [string, (world: Fixture) => Promise<void>][] = [
      ['logout', async (world) => (await signedIn(world)).visit((session) => session.logout())],
      [
        'revoke',
        async (world) => {
          await signedIn(world)
          const [device] = await world.sessions.of(USER).list()
          await world.sessions.of(USER).revoke(device?.handle ?? '')
        },
      ],
      [
        'revoke-others',
        async (world) =>
          (await signedIn(world)).visit(async (session) => void (await world.sessions.of(USER).revokeOthers(session))),
      ],
      [
        'revoke-all',
        async (world) => {
          await signedIn(world)
          await world.sessions.of(USER).revokeAll()
        },
      ],
      [
        'limit',
        async (world) => {
          await signedIn(world)
          await world.visitor().visit((session) => session.login(USER, { limit: 1 }))
        },
      ],
      [
        'emptied',
        async (world) => {
          const guest = world.visitor()
          await guest.visit((session) => session.set('canary', CANARY))
          await settle()
          await guest.visit((session) => session.clear())
        },
      ],
    ]
    for (const [reason, play] of ways) {
      const events = await scene(fixture, play)
      const ended = events.filter((event) => event.type === 'revoked')
      assert.deepEqual(
        ended.map((event) => event.reason),
        [reason],
      )
    }
  })

  it('is told of a cookie whose session is there no longer, and of one that ran out', async () => {
    const absent = await scene(fixture, async (world) => {
      const guest = await signedIn(world)
      await world.sessions.of(USER).revokeAll()
      await guest.visit(() => undefined)
    })
    assert.deepEqual(kinds(absent), ['revoked revoke-all', 'absent'])
    for (const [reason, ms] of [
      ['idle', 31],
      ['absolute', 13 * 60],
    ] as const) {
      const expired = await scene(carried, async (world) => {
        const guest = await signedIn(world)
        world.clock.advance(ms * 60_000)
        await guest.visit(() => undefined)
      })
      assert.deepEqual(kinds(expired), [`expired ${reason}`])
    }
  })

  it('is told of an open deadline that was moved beyond the sealed one', async () => {
    const events = await scene(
      () => fixture({ seal: 'two-key' }),
      async (world) => {
        const guest = await signedIn(world)
        for await (const page of world.store.scan())
          for (const { id } of page) await world.store.touch(id, world.clock() + 1e12)
        world.clock.advance(13 * 3_600_000)
        await guest.visit((session) => assert.equal(session.userId, null))
      },
    )
    assert.deepEqual(kinds(events), ['expired absolute'])
  })

  it('is told of cookies and records that are not ours, and why', async () => {
    const junk = async (cookie: (good: string) => string, expected: string) => {
      const events = await scene(fixture, async (world) => {
        const guest = await signedIn(world)
        guest.cookie = cookie(guest.cookie ?? '')
        await guest.visit((session) => assert.equal(session.isNew, true))
      })
      assert.deepEqual(events, [{ type: 'notOurs', what: 'cookie', reason: expected }])
    }
    await junk(() => 'junk', 'malformed')
    await junk((good) => `${good.slice(0, -1)}${good.endsWith('A') ? 'B' : 'A'}`, 'forged')
    const other = visitor(createSessions({ secrets: secret('elsewhere'), store: memory({ max: 10 }) }))
    await other.visit((session) => session.set('a', 1))
    assert.notEqual(ringOf('elsewhere').current.kid, ringOf('fixture').current.kid)
    await junk(() => other.cookie ?? '', 'unknown-key')

    const damaged = await scene(
      () => fixture({ seal: 'two-key', memo: false }),
      async (world) => {
        const guest = await signedIn(world)
        for await (const page of world.store.scan())
          for (const { id } of page) {
            const found = await world.store.read(id)
            if (found) await world.store.update(id, { ...found.entry, bytes: Buffer.from('damaged') }, found.version)
          }
        await guest.visit((session) => assert.equal(session.isNew, true))
      },
    )
    assert.deepEqual(damaged, [{ type: 'notOurs', what: 'record', reason: 'malformed' }])
    const replayed = await scene(carried, async (world) => {
      const guest = await signedIn(world)
      const thief = guest.copy()
      await guest.visit((session) => session.logout())
      await thief.visit((session) => assert.equal(session.userId, null))
    })
    assert.deepEqual(kinds(replayed), ['loaded', 'revoked logout', 'notOurs revoked'])
  })

  it('is told of conflicts, of sessions gone under a writer, of limits, of sweeps and of a store that is down', async () => {
    const conflict = await scene(fixture, async (world) => {
      const guest = await signedIn(world)
      const [one, other] = [guest.begin(), guest.begin()]
      const [first, second] = [await one.session(), await other.session()]
      first.set('a', 1)
      second.set('b', 2)
      await one.respond()
      await other.respond()
    })
    assert.deepEqual(kinds(conflict), ['loaded', 'loaded', 'updated', 'conflict', 'updated'])
    const gone = await scene(fixture, async (world) => {
      const guest = await signedIn(world)
      const request = guest.begin()
      ;(await request.session()).set('a', 1)
      await world.sessions.of(USER).revokeAll()
      await assert.rejects(request.respond())
    })
    assert.deepEqual(kinds(gone), ['loaded', 'revoked revoke-all', 'conflict', 'gone'])
    const limit = await scene(fixture, async (world) => {
      await signedIn(world)
      const login = world.visitor().visit((session) => session.login(USER, { limit: 1, atLimit: 'refuse' }))
      await assert.rejects(login)
      await world.sessions.clearExpired()
    })
    assert.deepEqual(limit, [
      { type: 'limit', policy: 'refuse', ended: 0 },
      { type: 'cleared', count: 0 },
    ])
    const down = await scene(fixture, async (world) => {
      const guest = await signedIn(world)
      world.fail.when = () => new Error('connection refused')
      await assert.rejects(guest.visit(() => undefined))
    })
    assert.deepEqual(kinds(down), ['storeError'])
  })
})

describe('a listener', () => {
  it('that throws, at once or later, disturbs nobody, and is named in a warning', async () => {
    const warned: string[] = []
    const listen = (warning: Error & { code?: string }) => warned.push(`${warning.code} ${warning.message}`)
    process.on('warning', listen)
    const faults = [
      () => {
        throw new TypeError(CANARY)
      },
      async () => {
        throw new TypeError(CANARY)
      },
    ]
    for (const on of faults) {
      const sessions = createSessions({ secrets: secret('a'), store: memory({ max: 10 }), on })
      const guest = visitor(sessions)
      await guest.visit((session) => session.set('a', 1))
      await guest.visit((session) => assert.equal(session.get('a'), 1))
    }
    await settle()
    process.off('warning', listen)
    assert.equal(warned.length, 4)
    for (const warning of warned)
      assert.equal(warning, 'STRONGROOM_LISTENER The session event listener threw: TypeError')
  })

  it('on the diagnostics channel hears everything, beside the other one', async () => {
    const heard: SessionEvent[] = []
    const hear = (event: unknown) => heard.push(event as SessionEvent)
    diagnostics.subscribe(CHANNEL, hear)
    const { visitor, events } = fixture()
    const guest = visitor()
    await guest.visit((session) => session.set('a', 1))
    const quiet = visitor()
    await quiet.visit((session) => session.set('a', 1))
    diagnostics.unsubscribe(CHANNEL, hear)
    await guest.visit((session) => session.set('a', 2))
    assert.equal(CHANNEL, 'strongroom')
    assert.deepEqual(kinds(heard), ['created', 'created'])
    assert.deepEqual(kinds(events), ['created', 'created', 'loaded', 'updated'])
  })

  it('that is not there is not worked for', async () => {
    const emit = emitter(undefined)
    assert.equal(emit.wanted(), false)
    const hear = () => undefined
    diagnostics.subscribe(CHANNEL, hear)
    assert.equal(emit.wanted(), true)
    diagnostics.unsubscribe(CHANNEL, hear)
    assert.equal(emitter(hear).wanted(), true)
    assert.equal(emit.wanted(), false)
  })
})
