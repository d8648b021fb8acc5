import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { inherits } from 'node:util'
import fastifySession from '@fastify/session'
import session from 'express-session'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError, ConflictError, StoreError } from '../../packages/strongroom/src/errors.ts'
import type { SessionEvent } from '../../packages/strongroom/src/events.ts'
import { type ConnectStoreOptions, connectStore } from '../../packages/strongroom/src/express-session/connect-store.ts'
import dropIn from '../../packages/strongroom/src/express-session/session.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { scanned } from '../../packages/strongroom/src/testing/store/expect.ts'
import { secret } from '../core/fixtures/secret.ts'

const secrets = secret('options')
const stored = { cookie: { maxAge: 3_600_000 }, user: 'ada' }

/** As stores were written before there were classes. */
function oldStyle(this: EventEmitter) {
  EventEmitter.call(this)
}
inherits(oldStyle, EventEmitter)

/** The one session of an engine is there, and then its bytes are altered. */
async function alteredBy(change: (bytes: Buffer) => void, on: ConnectStoreOptions['on']) {
  const engine = memory()
  const store = connectStore(session, engine, { secrets, sweep: false, seal: 'two-key', on })
  await store.set('sid', stored)
  const [{ id } = assert.fail()] = await scanned(engine)
  const { entry, version } = (await engine.read(id)) ?? assert.fail()
  const bytes = Buffer.from(entry.bytes)
  change(bytes)
  assert.notEqual(await engine.update(id, { ...entry, bytes }, version), null)
  return store
}

const DROP_IN = {
  secret: secrets,
  resave: false,
  saveUninitialized: false,
  cookie: { secure: true, sameSite: 'lax' },
} as const

describe('connectStore', () => {
  it('is an instance of what the framework calls Store: a class, a plain function, or an EventEmitter', async () => {
    class Modern extends EventEmitter {
      isModern = true
    }
    for (const framework of [session, fastifySession, { Store: Modern }, { Store: oldStyle }]) {
      const store = connectStore(framework, memory(), { secrets, sweep: false })
      assert.ok(store instanceof (framework.Store as unknown as new () => object))
      assert.ok(store instanceof EventEmitter)
      await store.set('sid', stored)
      assert.deepEqual(await store.get('sid'), stored)
      await store.close()
    }
    assert.ok(connectStore({}, memory(), { secrets, sweep: false }) instanceof EventEmitter)
    assert.equal(connectStore({ Store: Modern }, memory(), { secrets, sweep: false }).isModern, true)
  })

  it('refuses what is no framework, no engine on the server, and no option, and says what to write', () => {
    const make =
      (framework: unknown, engine: unknown, options: unknown = { secrets }) =>
      () =>
        connectStore(framework as object, engine as Store, options as ConnectStoreOptions)
    const cases: readonly [() => unknown, RegExp][] = [
      [make(undefined, memory()), /import session from 'express-session'/],
      [make(memory(), { secrets }), /then the engine, then \{ secrets \}/],
      [make('express-session', memory()), /import session/],
      [make(session.Store, memory()), /It got a Store: pass what has that as its property/],
      [make(session({ secret: 'x', resave: false, saveUninitialized: false }), memory()), /It got a middleware/],
      [make(dropIn, memory()), /It got strongroom\/express-session.* give the engine to session\(\{ store \}\)/],
      [make(dropIn.Store, memory()), /It got a Store/],
      [make(dropIn(DROP_IN), memory()), /It got strongroom\/express-session/],
      [make(session, undefined), /store must be a store/],
      [make(session, new session.MemoryStore()), /a store of express-session/],
      [make(session, cookie()), /a connect store can set none/],
      [make(session, 'cookie:'), /a connect store can set none/],
      [make(session, { kind: 'backing', traits: memory().traits }), /format and ids of its own/],
      [make(session, memory(), {}), /connectStore\(\) needs secrets/],
      [make(session, memory(), { secrets: null }), /connectStore\(\) needs secrets/],
      [make(session, memory(), { secrets: 'short' }), /at least 32/],
      [make(session, memory(), { secrets, ttl: 86_400 }), /ttl must be a string with its unit/],
      [make(session, memory(), { secrets, ttl: 'long' }), /ttl must be/],
      [make(session, memory(), { secrets, secret: 'x' }), /Did you mean "secrets"/],
      [make(session, memory(), { secrets, prefix: 'x' }), /an option of the engine/],
      [make(session, memory(), { secrets, maxAge: 1 }), /the framework's cookie/],
      [make(session, memory(), { secrets, namespace: 'with a space' }), /namespace must be/],
    ]
    for (const [wrong, message] of cases)
      assert.throws(wrong, (error: Error) => {
        assert.ok(error instanceof ConfigError)
        assert.match(error.message, message)
        return true
      })
  })

  it('takes a URL, and closes what it opened from it; an engine that it was given stays open', async () => {
    const byUrl = connectStore(session, 'memory:', { secrets })
    const engine = memory()
    const given = connectStore(session, engine, { secrets })
    for (const store of [byUrl, given]) {
      await store.set('sid', stored)
      await store.close()
      await store.close()
      await assert.rejects(store.get('sid'), StoreError)
      await assert.rejects(store.set('sid', stored), StoreError)
    }
    const again = connectStore(session, engine, { secrets })
    assert.deepEqual(await again.get('sid'), stored)
    await again[Symbol.asyncDispose]()
  })

  it('ttl is how long a session lives whose cookie does not say it', async () => {
    let now = Date.now()
    const clock = () => now
    const store = connectStore(session, memory({ clock }), { secrets, clock, ttl: '2h', sweep: false })
    await store.set('sid', { cookie: {} })
    now += 2 * 3_600_000 - 1
    assert.ok(await store.get('sid'))
    now += 1
    assert.equal(await store.get('sid'), null)
  })

  it('waits for secrets that are fetched, and says that the store cannot be asked while they are not there', async () => {
    let [fails, asked] = [true, 0]
    const fetching = async () => {
      asked++
      if (fails) throw new Error('the vault is closed')
      return secrets
    }
    const store = connectStore(session, memory(), { secrets: fetching, sweep: false })
    await assert.rejects(store.get('sid'), StoreError)
    await assert.rejects(store.set('sid', stored), StoreError)
    fails = false
    await store.set('sid', stored)
    assert.deepEqual(await store.get('sid'), stored)
    assert.equal(asked, 3)
  })

  it('tells of a store that fails, of endings and of writes that were dropped, as sessions of ours do', async () => {
    const events: SessionEvent[] = []
    const engine = memory()
    const store = connectStore(session, engine, { secrets, sweep: false, on: (event) => events.push(event) })
    await store.set('sid', stored)
    await store.set('sid', stored)
    await store.get('sid')
    await store.destroy('sid')
    await store.touch('sid', stored)
    await store.get('sid')
    await engine.close()
    await assert.rejects(store.get('sid'))
    assert.deepEqual(
      events.map(({ type }) => type),
      ['created', 'updated', 'loaded', 'revoked', 'gone', 'absent', 'storeError'],
    )
    const handles = new Set(events.flatMap((event) => ('handle' in event ? [event.handle] : [])))
    assert.equal(handles.size, 1)
    assert.match([...handles][0] ?? '', /^[\w-]{16}$/)
  })

  it('a record that was altered or exchanged in the store opens nothing, and nothing is stored in its place', async () => {
    const events: string[] = []
    const on = (event: SessionEvent) => event.type === 'rejected' && events.push(event.reason)
    let ofAnother = Buffer.alloc(0)
    const another = memory()
    await connectStore(session, another, { secrets, sweep: false, seal: 'two-key' }).set('another sid', stored)
    for (const { id } of await scanned(another)) ofAnother = Buffer.from((await another.read(id))?.entry.bytes ?? '')
    for (const change of [
      (bytes: Buffer) => bytes.writeUInt8((bytes.at(-1) ?? 0) ^ 1, bytes.length - 1),
      (bytes: Buffer) => ofAnother.copy(bytes),
      (bytes: Buffer) => bytes.fill(0, 2),
    ]) {
      const store = await alteredBy(change, on)
      assert.equal(await store.get('sid'), null)
      await store.set('sid', stored)
      await store.touch('sid', stored)
      assert.equal(await store.get('sid'), null)
      await store.destroy('sid')
      assert.equal(await store.get('sid'), null)
    }
    assert.ok(events.length >= 9)
  })

  it('a record under a secret or a format that this server lacks is no absent session: it can be destroyed, and nothing else', async () => {
    // The version, and the key id.
    for (const at of [0, 1]) {
      const store = await alteredBy(
        (bytes) => bytes.writeUInt8((bytes[at] ?? 0) ^ 64, at),
        () => undefined,
      )
      for (const call of [store.get('sid'), store.set('sid', stored), store.touch('sid', stored)])
        await assert.rejects(call, { code: 'STRONGROOM_STORE', message: /that this server does not have/ })
      await store.destroy('sid')
      assert.equal(await store.get('sid'), null)
    }
  })

  it('what the callback throws is an error of the application: it is called once, and not with its own error', () => {
    const module = join(import.meta.dirname, '../../packages/strongroom/src')
    const script = `
      import session from 'express-session'
      import { memory } from '${module}/engines/memory/memory.ts'
      import { connectStore } from '${module}/express-session/connect-store.ts'
      const store = connectStore(session, memory(), { secrets: '${secrets}' })
      const seen = []
      process.on('uncaughtException', (error) => seen.push(error.message))
      process.on('unhandledRejection', () => seen.push('unhandled'))
      const callback = (name) => (error) => { seen.push(name + ' ' + (error?.name ?? 'ok')); throw new Error('thrown') }
      store.get('sid', callback('get'))
      store.get('', callback('wrong'))
      process.on('exit', () => console.log(seen.sort().join(', ')))`
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: join(import.meta.dirname, '../..'),
      encoding: 'utf8',
    })
    assert.equal(stdout.trim(), 'get ok, thrown, thrown, wrong TypeError', stderr)
  })

  it('a call that nobody waits for does not end the process while the store is down', async () => {
    const down = () => Promise.reject(new Error('down'))
    const engine = Object.assign(memory(), { read: down, readSync: undefined })
    const store = connectStore(session, engine, { secrets, sweep: false, on: () => {} })
    // As in `req.sessionStore.destroy(req.sessionID)`. A rejection that nobody handles fails this test.
    store.destroy('sid')
    const error = await new Promise<unknown>((resolve) => store.destroy('sid', resolve))
    assert.ok(error instanceof StoreError)
    await new Promise(setImmediate)
  })

  it('gives up a write that never succeeds, and says so', async () => {
    const engine = memory()
    const refusing = new Proxy(engine, {
      get(target, name) {
        if (name === 'create') return async () => false
        const member: unknown = Reflect.get(target, name)
        return typeof member === 'function' ? member.bind(target) : member
      },
    })
    const store = connectStore(session, refusing, { secrets, sweep: false })
    await assert.rejects(store.set('sid', stored), ConflictError)
  })
})
