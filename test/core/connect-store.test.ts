import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import PgSimple from 'connect-pg-simple'
import session from 'express-session'
import pg from 'pg'
import { type ConnectStore, destroyIn, getFrom, setIn, touchIn } from '../../packages/strongroom/src/base/connect.ts'

const SID = 'q8Zr0Yc3mWb5TtJk1nXe7uVs2LgPhDaF'
const record = { cookie: { expires: null }, cart: 'tea' }

type Get = Pick<ConnectStore, 'get'>

const READS: Readonly<Record<string, ConnectStore['get']>> = {
  'a callback in the same turn': (_sid, callback) => callback(null, record),
  'a callback in a later turn': (_sid, callback) => setImmediate(callback, null, record),
  'a callback, and a promise for nothing that is there first': async (_sid, callback) => {
    setImmediate(callback, null, record)
  },
  'a callback, and a promise for what the callback returned': async (_sid, callback) => callback(null, record),
  'a promise alone': async (_sid) => record,
  'a promise alone, of a method that ignores its callback': async (_sid, _callback) => record,
  'a callback that is called twice': (_sid, callback) => {
    callback(null, record)
    callback(new Error('called again'))
  },
}

const ABSENT: Readonly<Record<string, ConnectStore['get']>> = {
  'a callback with nothing': (_sid, callback) => callback(null),
  'a callback with null': (_sid, callback) => callback(null, null),
  'a promise for undefined, of a method without a callback': async (_sid) => undefined,
  'an error that says that there is no such file': (_sid, callback) =>
    callback(Object.assign(new Error(`no such file: ${SID}.json`), { code: 'ENOENT' })),
  'a promise that rejects with such an error': async (_sid) => {
    throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
  },
}

const BROKEN: Readonly<Record<string, ConnectStore['get']>> = {
  'an error in its callback': (_sid, callback) => callback(new Error('down')),
  'a string as the error': (_sid, callback) => callback('down'),
  'an exception': () => {
    throw new Error('down')
  },
  'a promise that rejects': async () => {
    throw new Error('down')
  },
  // A real one: nobody listens at its Unix socket, and the error's code is that of a file that is not there.
  'PostgreSQL by a socket that is gone': (sid, callback) => {
    const pool = new pg.Pool({ host: join(tmpdir(), 'strongroom-no-such-folder') })
    const store = new (PgSimple(session))({ pool, pruneSessionInterval: false, errorLog: () => undefined })
    store.get(sid, callback)
  },
}

describe('a store of express-session', () => {
  for (const [style, get] of Object.entries(READS))
    it(`is read in its own style: ${style}`, async () => {
      assert.deepEqual(await getFrom({ get }, SID), record)
    })

  for (const [style, get] of Object.entries(ABSENT))
    it(`says that a session is absent: ${style}`, async () => {
      assert.equal(await getFrom({ get }, SID), null)
    })

  for (const [style, get] of Object.entries(BROKEN))
    it(`fails, and says nothing about a session: ${style}`, async () => {
      await assert.rejects(getFrom({ get }, SID), (error) => /down|connect ENOENT/.test(String(error)))
    })

  it('is asked as the object that it is, with the method that it has now', async () => {
    class Store implements Get {
      readonly found = record
      get(_sid: string, callback: (error: unknown, session?: unknown) => void) {
        callback(null, this.found)
      }
    }
    const store = new Store()
    assert.deepEqual(await getFrom(store, SID), record)
    store.get = (_sid, callback) => callback(null, 'replaced')
    assert.equal(await getFrom(store, SID), 'replaced')
  })

  it('is written, touched and emptied in any style, with the arguments in their places', async () => {
    const calls: unknown[][] = []
    const note = (...given: unknown[]) => void calls.push(given.slice(0, -1))
    const calling: Pick<ConnectStore, 'set' | 'touch' | 'destroy'> = {
      set: (sid, session, callback) => callback?.(note('set', sid, session, null)),
      touch: (sid, session, callback) => setImmediate(() => callback?.(note('touch', sid, session, null))),
      destroy: (sid, callback) => callback?.(note('destroy', sid, null)),
    }
    const promising: typeof calling = {
      set: async (sid, session) => note('set', sid, session, null),
      touch: async (sid, session) => note('touch', sid, session, null),
      destroy: async (sid) => note('destroy', sid, null),
    }
    for (const store of [calling, promising]) {
      await setIn(store, SID, record)
      await touchIn(store, SID, record)
      await destroyIn(store, SID)
      assert.deepEqual(calls.splice(0), [
        ['set', SID, record],
        ['touch', SID, record],
        ['destroy', SID],
      ])
    }
    const failing = { destroy: (_sid: string, callback?: (error?: unknown) => void) => callback?.(new Error('down')) }
    await assert.rejects(destroyIn(failing, SID), /down/)
    // As in express-session, which asks whether there is a touch.
    await touchIn({}, SID, record)
  })

  it('never puts the session id into an error, not in its stack, its properties or its causes', async () => {
    const errors = [
      Object.assign(new Error(`EACCES: permission denied, open '/sessions/${SID}.json'`), { code: 'EACCES' }),
      Object.assign(new Error('READONLY'), { command: { name: 'get', args: [`sess:${SID}`] } }),
      new Error('failed', { cause: new Error(`no row ${SID}`) }),
      `no session ${SID}`,
    ]
    for (const error of errors) {
      const caught = await getFrom({ get: (_sid, callback) => callback(error) }, SID).catch((reason) => reason)
      assert.ok(caught instanceof Error)
      assert.doesNotMatch(inspect(caught, { depth: 9, showHidden: true }), new RegExp(SID))
      if (error instanceof Error) assert.equal(caught.message, error.message.replace(SID, '[session id]'))
    }
    const [denied] = errors
    const caught = await destroyIn({ destroy: (_sid, callback) => callback?.(denied) }, SID).catch((reason) => reason)
    assert.equal(caught.code, 'EACCES')
    // What has no id in it stays as it is, stack and all.
    const plain = new Error('down')
    assert.equal(await getFrom({ get: (_sid, callback) => callback(plain) }, SID).catch((reason) => reason), plain)
  })
})
