import assert from 'node:assert/strict'
import diagnostics from 'node:diagnostics_channel'
import { after, describe, it } from 'node:test'
import { inspect } from 'node:util'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { CHANNEL, emitter, type SessionEvent } from '../../packages/strongroom/src/events.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { inCookies } from './fixtures/engines.ts'
import { type Fixture, fixture } from './fixtures/fixture.ts'
import { settle } from './fixtures/gates.ts'
import { ringOf, secret } from './fixtures/secret.ts'
import { visitor } from './fixtures/visitor.ts'

const [USER, CANARY, LABEL] = ['user-7531', 'canary in the data', 'label of a device']
const emitted: SessionEvent[] = []
const secrets = new Set<string>([USER, CANARY, LABEL, secret('fixture')])

/** A scene. All its events are searched for secrets at the end of this file. */
async function scene(make: () => Fixture, play: (app: Fixture) => Promise<void>): Promise<SessionEvent[]> {
  const app = make()
  const { sessions } = app
  const open = sessions.open
  sessions.open = (headers) => {
    const text = (headers as { cookie?: string }).cookie?.split('=')[1]
    // Shorter values were made up by a test.
    if (text && text.length >= 64) {
      secrets.add(text)
      const token = Buffer.from(text, 'base64url').subarray(2, 34)
      for (const encoding of ['hex', 'base64', 'base64url'] as const) secrets.add(token.toString(encoding))
    }
    return open(headers)
  }
  await play(app)
  if (app.store.scan)
    for await (const page of app.store.scan())
      for (const { id, owner } of page) {
        secrets.add(id)
        if (owner) secrets.add(owner)
      }
  emitted.push(...app.events)
  return app.events
}

const kinds = (events: readonly SessionEvent[]) =>
  events.map((event) => ('reason' in event ? `${event.type} ${event.reason}` : event.type))

async function signedIn(app: Fixture) {
  const guest = app.visitor()
  await guest.visit((session) => session.set('canary', CANARY).login(USER, { label: LABEL }))
  await settle()
  app.events.length = 0
  return guest
}

after(() => {
  // Runs last, over all events of this file.
  assert.ok(emitted.length > 40)
  for (const event of emitted) {
    const text = inspect(event, { depth: 5 })
    for (const hidden of secrets) assert.ok(!text.includes(hidden), `${event.type} contains ${hidden}`)
  }
})

describe('an event', () => {
  it('is emitted for each step of a session’s life, with its reason', async () => {
    const events = await scene(fixture, async (app) => {
      const guest = app.visitor()
      await guest.visit((session) => session.set('canary', CANARY))
      await settle()
      await guest.visit((session) => session.get('canary'))
      await guest.visit((session) => session.set('canary', `${CANARY} 2`))
      await guest.visit((session) => session.login(USER, { label: LABEL }))
      app.clock.advance(4 * 60_000)
      await settle()
      await guest.visit(() => undefined)
      await guest.visit((session) => session.renew())
      await guest.visit((session) => session.logout())
      await app.visitor().visit((session) => session.login(USER))
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
      'created login',
    ])
    const handles = events.flatMap((event) => ('handle' in event && event.handle ? event.handle : []))
    for (const handle of handles) assert.match(handle, /^[\w-]{16}$/)
    const renewals = events.filter((event) => event.type === 'renewed')
    // A login gives a new identity, and a renewal keeps it.
    assert.deepEqual(
      renewals.map(({ handle, previous }) => handle !== previous),
      [true, false],
    )
    assert.equal(renewals[1]?.previous, renewals[0]?.handle)
    assert.deepEqual(
      events.flatMap((event) => (event.type === 'created' ? event.authenticated : [])),
      [false, true],
    )
  })

  it('names the session by the handle that its owner sees in the list', async () => {
    await scene(fixture, async (app) => {
      const guest = await signedIn(app)
      const [device] = await app.sessions.of(USER).list()
      await guest.visit((session) => assert.equal(session.handle, device?.handle))
      assert.deepEqual(app.events, [{ type: 'loaded', handle: device?.handle }])
    })
  })

  it('is emitted for every way in which sessions end', async () => {
    const ways: [string, (app: Fixture) => Promise<void>][] = [
      ['logout', async (app) => (await signedIn(app)).visit((session) => session.logout())],
      [
        'revoke',
        async (app) => {
          await signedIn(app)
          const [device] = await app.sessions.of(USER).list()
          await app.sessions.of(USER).revoke(device?.handle ?? '')
        },
      ],
      [
        'revoke-others',
        async (app) =>
          (await signedIn(app)).visit(async (session) => void (await app.sessions.of(USER).revokeOthers(session))),
      ],
      [
        'revoke-all',
        async (app) => {
          await signedIn(app)
          await app.sessions.of(USER).revokeAll()
        },
      ],
      [
        'limit',
        async (app) => {
          await signedIn(app)
          await app.visitor().visit((session) => session.login(USER, { limit: 1 }))
        },
      ],
      [
        'emptied',
        async (app) => {
          const guest = app.visitor()
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

  it('is emitted for a cookie whose session is gone, and for one that expired', async () => {
    const absent = await scene(fixture, async (app) => {
      const guest = await signedIn(app)
      await app.sessions.of(USER).revokeAll()
      await guest.visit(() => undefined)
    })
    assert.deepEqual(kinds(absent), ['revoked revoke-all', 'absent'])
    for (const [reason, ms] of [
      ['idle', 31],
      ['absolute', 13 * 60],
    ] as const) {
      const expired = await scene(inCookies, async (app) => {
        const guest = await signedIn(app)
        app.clock.advance(ms * 60_000)
        await guest.visit(() => undefined)
      })
      assert.deepEqual(kinds(expired), [`expired ${reason}`])
    }
  })

  it('is emitted when the stored deadline was moved beyond the sealed one', async () => {
    const events = await scene(
      () => fixture({ seal: 'two-key' }),
      async (app) => {
        const guest = await signedIn(app)
        for await (const page of app.store.scan())
          for (const { id } of page) await app.store.touch(id, app.clock() + 1e12)
        app.clock.advance(13 * 3_600_000)
        await guest.visit((session) => assert.equal(session.userId, null))
      },
    )
    assert.deepEqual(kinds(events), ['expired absolute'])
  })

  it('is emitted for refused cookies and records, with the reason', async () => {
    const junk = async (cookie: (good: string) => string, expected: string) => {
      const events = await scene(fixture, async (app) => {
        const guest = await signedIn(app)
        guest.cookie = cookie(guest.cookie ?? '')
        await guest.visit((session) => assert.equal(session.isNew, true))
      })
      assert.deepEqual(events, [{ type: 'rejected', what: 'cookie', reason: expected }])
    }
    await junk(() => 'junk', 'malformed')
    await junk((good) => `${good.slice(0, -1)}${good.endsWith('A') ? 'B' : 'A'}`, 'forged')
    const other = visitor(createSessions({ secrets: secret('elsewhere'), store: memory({ max: 10 }) }))
    await other.visit((session) => session.set('a', 1))
    assert.notEqual(ringOf('elsewhere').current.kid, ringOf('fixture').current.kid)
    await junk(() => other.cookie ?? '', 'unknown-key')

    const damaged = await scene(
      () => fixture({ seal: 'two-key', memo: false }),
      async (app) => {
        const guest = await signedIn(app)
        for await (const page of app.store.scan())
          for (const { id } of page) {
            const found = await app.store.read(id)
            if (found) await app.store.update(id, { ...found.entry, bytes: Buffer.from('damaged') }, found.version)
          }
        await guest.visit((session) => assert.equal(session.isNew, true))
      },
    )
    assert.deepEqual(damaged, [{ type: 'rejected', what: 'record', reason: 'malformed' }])
    const replayed = await scene(inCookies, async (app) => {
      const guest = await signedIn(app)
      const thief = guest.copy()
      await guest.visit((session) => session.logout())
      await thief.visit((session) => assert.equal(session.userId, null))
    })
    assert.deepEqual(kinds(replayed), ['loaded', 'revoked logout', 'rejected revoked'])
  })

  it('is emitted for conflicts, for sessions that ended before a write, for limits, sweeps and store errors', async () => {
    const conflict = await scene(fixture, async (app) => {
      const guest = await signedIn(app)
      const [one, other] = [guest.begin(), guest.begin()]
      const [first, second] = [await one.session(), await other.session()]
      first.set('a', 1)
      second.set('b', 2)
      await one.respond()
      await other.respond()
    })
    assert.deepEqual(kinds(conflict), ['loaded', 'loaded', 'updated', 'conflict', 'updated'])
    const gone = await scene(fixture, async (app) => {
      const guest = await signedIn(app)
      const request = guest.begin()
      ;(await request.session()).set('a', 1)
      await app.sessions.of(USER).revokeAll()
      await assert.rejects(request.respond())
    })
    assert.deepEqual(kinds(gone), ['loaded', 'revoked revoke-all', 'conflict', 'gone'])
    const limit = await scene(fixture, async (app) => {
      await signedIn(app)
      const login = app.visitor().visit((session) => session.login(USER, { limit: 1, atLimit: 'refuse' }))
      await assert.rejects(login)
      await app.sessions.clearExpired()
    })
    assert.deepEqual(limit, [
      { type: 'limit', policy: 'refuse', ended: 0 },
      { type: 'cleared', count: 0 },
    ])
    const down = await scene(fixture, async (app) => {
      const guest = await signedIn(app)
      app.fail.when = () => new Error('connection refused')
      await assert.rejects(guest.visit(() => undefined))
    })
    assert.deepEqual(kinds(down), ['storeError'])
  })
})

describe('a listener', () => {
  it('that throws or rejects affects no request, and causes a warning', async () => {
    const warned: string[] = []
    const details: string[] = []
    const listen = (warning: Error & { code?: string; detail?: string }) => {
      warned.push(`${warning.code} ${warning.message}`)
      details.push(`${warning.detail}`)
    }
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
    assert.equal(details.length, 4)
    for (const detail of details) {
      assert.match(detail, /^\s+at .*events\.test\.ts/m)
      assert.ok(!detail.includes(CANARY), detail)
    }
  })

  it('whose message looks like a stack is not quoted in the warning, even if the message was changed later', async () => {
    const details: string[] = []
    const listen = (warning: Error & { detail?: string }) => void details.push(`${warning.detail}`)
    process.on('warning', listen)
    const error = (message: string, change: object = {}) => {
      const made = new Error(message)
      // It is made when somebody asks for it, with the message of that moment.
      assert.ok(made.stack)
      return Object.assign(made, change)
    }
    const lines = `a\n    at ${CANARY} (file:///a.ts:1:1)`
    const faults = [error(lines), error('a'), error(''), error(lines, { message: '' }), error('a', { message: lines })]
    for (const fault of [...faults, error('a', { stack: [lines] })]) {
      const emit = emitter(() => {
        throw fault
      })
      emit({ type: 'cleared', count: 1 })
    }
    await settle()
    process.off('warning', listen)
    assert.deepEqual(
      details.map((detail) => /^\s+at .*events\.test\.ts/.test(detail)),
      [true, true, true, false, false, false],
    )
    for (const detail of details) assert.ok(!detail.includes(CANARY), detail)
  })

  it('on the diagnostics channel gets every event, as the option does', async () => {
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

  it('that does not exist costs no work', async () => {
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
