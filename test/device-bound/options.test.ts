import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import {
  type DeviceBoundOptions,
  deviceBound,
  proveAgain,
} from '../../packages/strongroom/src/device-bound/device-bound.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'
import { bearer } from '../../packages/strongroom/src/http/bearer.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { createSessions as createInWorker } from '../../packages/strongroom/src/worker.ts'

const secrets = randomBytes(32)

const refused = (make: () => unknown, message: RegExp) =>
  assert.throws(make, (error) => error instanceof ConfigError && message.test(error.message))

const refuses = (options: object, message: RegExp) => refused(() => deviceBound(options as DeviceBoundOptions), message)

const refusesWith = (options: object, message: RegExp, bound: DeviceBoundOptions = {}) =>
  refused(
    () => createSessions({ store: memory(), secrets, sweep: false, deviceBound: deviceBound(bound), ...options }),
    message,
  )

suite('deviceBound()', () => {
  test('says of each wrong option what to write', () => {
    refuses({ path: {} }, /Unknown option "path".*Did you mean "paths"/)
    refuses({ paths: { register: 'register' } }, /paths\.register must be a path/)
    refuses({ paths: { refresh: '/a b' } }, /paths\.refresh must be a path/)
    refuses({ paths: { refresh: '/a/../b' } }, /paths\.refresh must be a path/)
    refuses({ paths: { refresh: '/x', register: '/x' } }, /must be different/)
    refuses({ paths: { login: '/x' } }, /Unknown option "login"/)
    refuses({ cookie: { path: '/' } }, /Unknown option "path" for cookie of deviceBound/)
    refuses({ refreshEvery: '1m' }, /refreshEvery must be from '5m' to '24h'/)
    refuses({ refreshEvery: '25h' }, /refreshEvery must be from '5m' to '24h'/)
    refuses({ refreshEvery: 'soon' }, /deviceBound: refreshEvery must be above 0/)
    refuses({ unbound: 'never' }, /unbound must be 'allow', 'refuse' or \{ idle, absolute \}/)
    refuses({ unbound: null }, /unbound must be 'allow'/)
    refuses({ unbound: { idle: '5m' } }, /unbound\.absolute must be above 0/)
    refuses({ unbound: { absolute: '5m' } }, /unbound\.idle must be above 0/)
    refuses({ unbound: { idle: '2h', absolute: '1h' } }, /unbound\.idle is longer than unbound\.absolute/)
    refuses({ unbound: { idle: '1h', absolute: '2h', remember: '1d' } }, /Unknown option "remember"/)
    refuses({ origin: 'http://shop.example' }, /origin must be an origin over https/)
    refuses({ origin: 'https://shop.example/' }, /origin must be an origin over https/)
  })

  test('refuses sessions that cannot be bound, and says why', () => {
    refusesWith({ store: cookie() }, /deviceBound needs a store/)
    refusesWith({ store: cookie({ revocations: memory() }) }, /deviceBound needs a store/)
    refusesWith({ transport: bearer(), namespace: 'app' }, /deviceBound is for sessions in cookies/)
    refusesWith({ cookie: { name: 'id', secure: false } }, /deviceBound needs https/)
    refusesWith({ cookie: { name: '__Secure-id', domain: 'shop.example' } }, /leave out cookie\.domain/)
    refusesWith({ cookie: { name: '__Secure-id', path: '/shop' } }, /needs cookie\.path '\/'/)
    refusesWith({ cookie: { partitioned: true } }, /cannot be used with cookie\.partitioned/)
    refusesWith({}, /cookie of another name/, { cookie: { name: '__Host-id' } })
    refusesWith({ cookie: { formerName: '__Host-x' }, namespace: 'x' }, /another name/, {
      cookie: { name: '__Host-x' },
    })
    refusesWith({}, /begins with '__Host-'/, { cookie: { name: '__Host-Http-device' } })
    refusesWith({}, /begins with '__Host-'|production/, { cookie: { name: 'device' } })
    refusesWith({}, /cookie\.name must be 1 to 256/, { cookie: { name: 'a b' } })
  })

  test('is what the option takes, and nothing else is', () => {
    const wrong = (given: unknown, message: RegExp) =>
      refused(() => createSessions({ store: memory(), secrets, sweep: false, deviceBound: given as never }), message)
    wrong(true, /write createSessions\(\{ deviceBound: deviceBound\(\) \}\)/)
    wrong({}, /from 'strongroom\/device-bound'/)
    wrong(null, /from 'strongroom\/device-bound'/)
    wrong(deviceBound, /It got a function: call it/)
  })

  test('is refused in a Worker with sessions in cookies', () => {
    refused(
      () => createInWorker({ store: cookie(), secrets, deviceBound: deviceBound() } as never),
      /The option deviceBound is understood by createSessions from 'strongroom\/stores'/,
    )
  })

  test('can be shared by several createSessions, and there is nothing of its own without the option', () => {
    const shared = deviceBound()
    const make = (options: object) => createSessions({ store: memory(), secrets, sweep: false, ...options })
    const [one, two] = [make({ deviceBound: shared }), make({ deviceBound: shared })]
    assert.ok(one.ownRequests && two.ownRequests && one.ownRequests !== two.ownRequests)
    assert.equal(make({}).ownRequests, null)
  })
})

suite('proveAgain()', () => {
  test('refuses a session that is not bound, and what is no session', async () => {
    const sessions = createSessions({ store: memory(), secrets, sweep: false })
    const { cookie } = await sessionFor(sessions, { userId: 'ada' })
    const session = await sessions.read({ cookie })
    assert.throws(() => proveAgain(session), /needs a session that is bound to a device/)
    assert.throws(() => proveAgain({} as never), /Pass the session itself/)
    assert.deepEqual([session.deviceBound, session.deviceProvedAt], [false, null])
  })
})
