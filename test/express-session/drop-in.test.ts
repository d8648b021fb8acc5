import assert from 'node:assert/strict'
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { createRequire } from 'node:module'
import { describe, test } from 'node:test'
import { inherits } from 'node:util'
import type { Express, Request, RequestHandler } from 'express'
import expressSession from 'express-session'
import session, { type SessionOptions } from 'strongroom/express-session'
import { memory } from 'strongroom/memory'
import { manualClock } from 'strongroom/testing'
import { secret } from '../core/fixtures/secret.ts'
import { BASE, type Data, dataOf, gate, see, shop } from './shop.ts'
import { site } from './site.ts'

describe('what an application reads and writes', () => {
  test('is the session that sessions.get(request) resolves to', async () => {
    const running = await shop({}, (app) => {
      app.get('/both', async (request, response) => {
        dataOf(request).first = { list: [1] }
        const ours = await running.middleware.sessions.get(request)
        const seen = ours.get('first' as never)
        ours.set('second' as never, 'by sessions.get' as never)
        dataOf(request).third = 'after it'
        response.json({ seen, handle: ours.handle, id: request.sessionID })
      })
    })
    const visitor = running.visitor()
    const first = await visitor.json<{ seen: unknown; handle: null; id: string }>('/both')
    assert.deepEqual(first.seen, { list: [1] })
    const { id, data } = await see(visitor)
    assert.deepEqual(data, { first: { list: [1] }, second: 'by sessions.get', third: 'after it' })
    assert.equal(id, first.id)
    assert.equal((await visitor.json<{ handle: string }>('/both')).handle, id)
  })

  test('is not undone by what only sessions.get(request) has set', async () => {
    const running = await shop({}, (app) => {
      app.get('/ours', async (request, response) => {
        const ours = await running.middleware.sessions.get(request)
        ours.set('ours' as never, 'set' as never)
        response.json('set')
      })
    })
    const visitor = running.visitor()
    await visitor.get('/ours')
    assert.deepEqual((await see(visitor)).data, { ours: 'set' })
  })

  test('is not extended by sessions.peek(request), which tells how long it still lives', async () => {
    const clock = manualClock()
    const options = { clock, store: memory({ clock }), idle: '30m', resave: true } as const
    const running = await shop(options, (app) => {
      app.get('/login', async (request, response) => {
        const ours = await running.middleware.sessions.get(request)
        ours.login('ada')
        response.json('welcome')
      })
      app.get('/left', async (request, response) => response.json(await running.middleware.sessions.peek(request)))
    })
    const visitor = running.visitor()
    assert.equal(await visitor.json('/left'), null)
    await visitor.get('/login')
    for (const minutes of [20, 10]) {
      assert.equal((await visitor.json<{ expiresIn: number }>('/left')).expiresIn, (minutes + 10) * 60_000)
      clock.advance(10 * 60_000)
    }
    await visitor.get('/see')
    assert.equal((await visitor.json<{ expiresIn: number }>('/left')).expiresIn, 30 * 60_000)
  })

  test('of parallel requests, none is lost', async () => {
    const running = await shop()
    const visitor = running.visitor()
    await visitor.get('/set/first/0')
    const keys = Array.from({ length: 20 }, (_, i) => `key${i}`)
    await Promise.all(keys.map((key) => visitor.get(`/set/${key}/1`)))
    assert.deepEqual(Object.keys((await see(visitor)).data).sort(), ['first', ...keys].sort())
  })

  test('is saved after the response, where a connection lasts', async () => {
    const saved: unknown[] = []
    let done = () => {}
    const finished = new Promise<void>((resolve) => {
      done = resolve
    })
    const running = await shop({}, (app) => {
      app.get('/lasting', (request, response) => {
        response.json('begun')
        response.once('close', () => {
          dataOf(request).late = true
          request.session.save((error) => {
            saved.push(error)
            request.session.reload((error) => {
              saved.push(error, dataOf(request).late)
              request.session.destroy((error) => {
                saved.push(error)
                done()
              })
            })
          })
        })
      })
    })
    const visitor = running.visitor()
    await visitor.get('/set/note/hello')
    const other = visitor.copy()
    await visitor.get('/lasting')
    await finished
    assert.deepEqual(saved, [undefined, undefined, true, undefined])
    assert.deepEqual((await see(other)).data, {})
  })

  test('of no response at all, as at a WebSocket’s upgrade, is loaded, and saved by save()', async () => {
    const middleware = session(BASE)
    const upgraded = async (request: Request) => {
      await new Promise<void>((resolve, reject) =>
        middleware(request, {} as never, (error) => (error ? reject(error) : resolve())),
      )
      const counter = Number(dataOf(request).counter ?? 0) + 1
      dataOf(request).counter = counter
      await new Promise<void>((resolve, reject) => request.session.save((e) => (e ? reject(e) : resolve())))
      return counter
    }
    const running = await site((app) => {
      app.use(middleware)
      app.get('/begin', (request, response) => {
        dataOf(request).counter = 0
        response.json('begun')
      })
    })
    const visitor = running.visitor()
    await visitor.get('/begin')
    const headers = { cookie: visitor.jar.header() }
    assert.equal(await upgraded({ headers, url: '/' } as unknown as Request), 1)
    assert.equal(await upgraded({ headers, url: '/' } as unknown as Request), 2)
  })
})

describe('req.sessionID', () => {
  test('is the handle, from which nothing follows of the cookie or the store', async () => {
    const store = memory()
    const stored: string[] = []
    const { create } = store
    store.create = (id, entry) => {
      stored.push(id, Buffer.from(entry.bytes).toString('latin1'))
      return create.call(store, id, entry)
    }
    const running = await shop({ store, seal: 'two-key' })
    const visitor = running.visitor()
    await visitor.get('/set/note/hello')
    const { id } = await see(visitor)
    assert.match(id, /^[\w-]{16}$/)
    const cookie = visitor.jar.value('connect.sid') ?? assert.fail('no cookie')
    const bytes = Buffer.from(cookie, 'base64url').toString('latin1')
    for (const text of [cookie, bytes, ...stored]) assert.equal(text.includes(id), false)
    const planted = running.visitor()
    planted.jar.plant('connect.sid', id)
    assert.deepEqual((await see(planted)).data, {})
  })

  test('is there before the session is stored, and stays', async () => {
    const running = await shop({}, (app) => {
      app.get('/first', (request, response) => {
        const id = request.sessionID
        dataOf(request).note = id
        response.json([id, request.session.id])
      })
    })
    const visitor = running.visitor()
    const [before, other] = await visitor.json<string[]>('/first')
    assert.equal(before, other)
    assert.deepEqual(await see(visitor), { id: before, data: { note: before } })
  })

  test('changes with regenerate, and the old session object keeps its own', async () => {
    const running = await shop({}, (app) => {
      app.get('/swap', (request, response) => {
        const old = request.session
        const before = old.id
        old.regenerate(() => response.json([before, old.id, request.sessionID, request.session.id]))
      })
    })
    const visitor = running.visitor()
    await visitor.get('/set/note/hello')
    const { id } = await see(visitor)
    const [before, kept, after, shown] = await visitor.json<string[]>('/swap')
    assert.deepEqual([before, kept], [id, id])
    assert.equal(after, shown)
    assert.notEqual(after, id)
    assert.deepEqual(await see(visitor), { id: after, data: {} })
    const [first, , second] = await running.visitor().json<string[]>('/swap')
    assert.notEqual(first, second)
  })
})

describe('an end', () => {
  for (const how of ['destroy', 'regenerate'])
    test(`by ${how} is final, whatever a slow request writes`, async () => {
      let go = () => {}
      let arrived = () => {}
      const inHandler = new Promise<void>((resolve) => {
        arrived = resolve
      })
      const gate = new Promise<void>((resolve) => {
        go = resolve
      })
      const running = await shop({}, (app) => {
        app.get('/slow', async (request, response) => {
          arrived()
          await gate
          dataOf(request).slow = true
          response.json('written')
        })
      })
      const visitor = running.visitor()
      await visitor.get('/set/user/alice')
      const thief = visitor.copy()
      const slow = visitor.copy().get('/slow')
      await inHandler
      await visitor.get(`/${how}`)
      go()
      assert.equal((await slow).status, 409)
      assert.deepEqual((await see(thief)).data, {})
    })

  test('removes the cookie, and with the quirk keeps-cookie does not', async () => {
    for (const quirks of [[], ['keeps-cookie']] as const) {
      const running = await shop({ quirks })
      const visitor = running.visitor()
      await visitor.get('/set/note/hello')
      const thief = visitor.copy()
      const { cookies } = await visitor.get('/destroy')
      assert.equal(cookies.length, quirks.length === 0 ? 1 : 0)
      assert.equal(visitor.jar.value('connect.sid') === undefined, quirks.length === 0)
      assert.deepEqual((await see(thief)).data, {})
    }
  })

  test('of a user’s sessions elsewhere reaches req.session', async () => {
    const running = await shop({}, (app) => {
      app.get('/login', async (request, response) => {
        const ours = await running.middleware.sessions.get(request)
        ours.login('alice')
        dataOf(request).role = 'admin'
        response.json('in')
      })
    })
    const { sessions } = running.middleware
    const visitors = [running.visitor(), running.visitor()]
    for (const visitor of visitors) {
      await visitor.get('/set/basket/tea')
      const before = await see(visitor)
      await visitor.get('/login')
      const after = await see(visitor)
      assert.deepEqual(after.data, { basket: 'tea', role: 'admin' })
      assert.notEqual(after.id, before.id)
    }
    assert.equal((await sessions.of('alice').list()).length, 2)
    await sessions.of('alice').revokeAll()
    for (const visitor of visitors) assert.deepEqual((await see(visitor)).data, {})
  })
})

describe('a session that cannot be saved', () => {
  const tooLarge = (app: Express) => {
    app.get('/large', (request, response) => {
      dataOf(request).blob = 'x'.repeat(70_000)
      response.json('done')
    })
    app.get('/bigint', (request, response) => {
      dataOf(request).count = 1n
      response.json('done')
    })
    app.get('/replaced', (request, response) => {
      request.session = { user: 'mallory' } as never
      response.json('done')
    })
  }

  test('fails the request, and the response is the error handler’s', async () => {
    const running = await shop({}, tooLarge)
    for (const [path, message] of [
      ['/large', /Largest keys: 'blob'/],
      ['/bigint', /req\.session\.count cannot be stored/],
      ['/replaced', /req\.session was set to something that is no session/],
    ] as const) {
      const visitor = running.visitor()
      const { status, body, cookies } = await visitor.get(path)
      assert.deepEqual([status, body, cookies], [500, 'failed', []])
      assert.match(String(running.errors.pop()), message)
    }
  })

  test('with the quirk sends-unsaved, the response is sent, and the error is passed on after it', async () => {
    const running = await shop({ quirks: ['sends-unsaved'] }, tooLarge)
    const visitor = running.visitor()
    const { status, body, cookies } = await visitor.get('/large')
    assert.deepEqual([status, body, cookies], [200, '"done"', []])
    while (running.errors.length === 0) await new Promise((resolve) => setImmediate(resolve))
    assert.match(String(running.errors.pop()), /Largest keys: 'blob'/)
  })

  test('is still there in an error page, which express-session saves too, unless saveOnServerError is false', async () => {
    for (const saveOnServerError of [undefined, false]) {
      const running = await shop({ saveOnServerError }, (app) => {
        app.get('/broken', (request, response) => {
          dataOf(request).attempts = 1
          response.status(500).json('broken')
        })
      })
      const visitor = running.visitor()
      await visitor.get('/broken')
      assert.deepEqual((await see(visitor)).data, saveOnServerError === false ? {} : { attempts: 1 })
    }
  })
})

describe('caches', () => {
  test('get no cookie of a visitor, and a page by cookie; with the quirk no-cache-headers as from express-session', async () => {
    for (const quirks of [[], ['no-cache-headers']] as const) {
      const running = await shop({ quirks })
      const visitor = running.visitor()
      const { headers } = await visitor.get('/set/note/hello')
      const { headers: later } = await visitor.get('/see')
      const isDefault = quirks.length === 0
      assert.deepEqual(
        [headers.get('cache-control'), headers.get('vary'), later.get('vary')],
        isDefault ? ['no-store', 'Cookie', 'Cookie'] : [null, null, null],
      )
    }
  })
})

describe('a store that is down', () => {
  test('is an error of each request, and never an anonymous visitor', async () => {
    const store = memory()
    const running = await shop({ store, memo: false })
    const visitor = running.visitor()
    await visitor.get('/set/note/hello')
    store.read = () => Promise.reject(new Error('the plug was pulled'))
    Object.assign(store, { readSync: undefined })
    const cookie = visitor.jar.value('connect.sid')
    const { status, body, cookies } = await visitor.get('/see')
    assert.deepEqual([status, body, cookies], [503, 'failed', []])
    assert.equal(visitor.jar.value('connect.sid'), cookie)
  })

  test('can be an empty session that saves nothing, with onStoreError', async () => {
    const store = memory()
    const running = await shop({ store, memo: false, onStoreError: 'anonymous', saveUninitialized: true })
    const visitor = running.visitor()
    await visitor.get('/set/note/hello')
    Object.assign(store, { readSync: undefined, read: () => Promise.reject(new Error('the plug was pulled')) })
    assert.deepEqual((await see(visitor)).data, {})
    assert.equal((await visitor.get('/set/note/other')).status, 503)
  })
})

describe('how long a session lives', () => {
  const aged = (options: SessionOptions) => {
    let now = Date.now()
    const clock = () => now
    const later = (ms: number) => {
      now += ms
    }
    return { later, options: { ...options, clock, store: memory({ clock }), memo: false } as SessionOptions }
  }

  test('without a maxAge is a day since its last use', async () => {
    const { later, options } = aged({})
    const running = await shop(options)
    const visitor = running.visitor()
    await visitor.get('/set/note/hello')
    for (let day = 0; day < 20; day++) {
      later(20 * 3_600_000)
      assert.deepEqual((await see(visitor)).data, { note: 'hello' })
    }
    later(25 * 3_600_000)
    assert.deepEqual((await see(visitor)).data, {})
  })

  test('is its own maxAge, which it keeps', async () => {
    const { later, options } = aged({ cookie: { maxAge: 600_000, secure: false, sameSite: 'lax' } })
    const running = await shop(options, (app) => {
      app.get('/remember', (request, response) => {
        request.session.cookie.maxAge = 86_400_000
        dataOf(request).remembered = true
        response.json('done')
      })
      app.get('/lifetime', (request, response) => response.json(request.session.cookie.originalMaxAge))
    })
    const [short, long] = [running.visitor(), running.visitor()]
    await short.get('/set/note/hello')
    await long.get('/remember')
    assert.deepEqual(await Promise.all([short, long].map((one) => one.json('/lifetime'))), [600_000, 86_400_000])
    later(3_600_000)
    assert.deepEqual((await see(short.copy())).data, {})
    assert.deepEqual((await see(long)).data, { remembered: true })
  })

  test('with rolling, is extended by every single use', async () => {
    const { later, options } = aged({ rolling: true, cookie: { maxAge: 600_000, secure: false, sameSite: 'lax' } })
    const running = await shop(options)
    const visitor = running.visitor()
    await visitor.get('/set/note/hello')
    later(30_000)
    assert.equal((await visitor.get('/nothing')).cookies.length, 1)
    later(590_000)
    assert.deepEqual((await see(visitor.copy())).data, { note: 'hello' })
  })

  test('is never longer than absolute, although a maxAge may be', async () => {
    const { later, options } = aged({ absolute: '12h', cookie: { maxAge: 86_400_000, secure: false, sameSite: 'lax' } })
    const running = await shop(options)
    const visitor = running.visitor()
    await visitor.get('/set/note/hello')
    for (let hours = 0; hours < 11; hours++) {
      later(3_600_000)
      assert.deepEqual((await see(visitor)).data, { note: 'hello' })
    }
    later(3_600_001)
    assert.deepEqual((await see(visitor)).data, {})
  })

  test('of 0 or less ends it', async () => {
    const running = await shop({}, (app) => {
      app.get('/end', (request, response) => {
        request.session.cookie.maxAge = -1
        response.json('done')
      })
    })
    const visitor = running.visitor()
    await visitor.get('/set/note/hello')
    const copy = visitor.copy()
    await visitor.get('/end')
    assert.deepEqual((await see(copy)).data, {})
  })
})

describe('with resave', () => {
  const slow = (app: Express) => {
    app.get('/slow', async (request, response) => {
      arrived.open()
      await go.opened
      response.json(dataOf(request))
    })
  }
  let [arrived, go] = [gate(), gate()]

  test('a page that only reads undoes no change of another request', async () => {
    ;[arrived, go] = [gate(), gate()]
    const running = await shop({ resave: true }, slow)
    const visitor = running.visitor()
    await visitor.get('/set/note/hello')
    const reading = visitor.copy().get('/slow')
    await arrived.opened
    await visitor.get('/set/note/changed')
    go.open()
    assert.equal((await reading).status, 200)
    assert.deepEqual((await see(visitor)).data, { note: 'changed' })
  })

  test('a page that only reads brings no session back', async () => {
    ;[arrived, go] = [gate(), gate()]
    const running = await shop({ resave: true }, slow)
    const visitor = running.visitor()
    await visitor.get('/set/note/hello')
    const thief = visitor.copy()
    const reading = visitor.copy().get('/slow')
    await arrived.opened
    await visitor.get('/destroy')
    go.open()
    assert.equal((await reading).status, 200)
    assert.deepEqual((await see(thief)).data, {})
  })
})

test('the first byte of a redirect waits until what it leads to is there', async () => {
  const store = memory()
  const { update } = store
  let isSaved = false
  const running = await shop({ store }, (app) => {
    app.get('/go', (request, response) => {
      dataOf(request).note = 'there'
      response.redirect('/see')
    })
  })
  const visitor = running.visitor()
  await visitor.get('/set/first/1')
  Object.assign(store, {
    updateSync: undefined,
    update: async (...args: Parameters<typeof update>) => {
      for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve))
      const version = await update.apply(store, args)
      isSaved = true
      return version
    },
  })
  assert.equal((await visitor.get('/go')).status, 302)
  assert.equal(isSaved, true)
})

describe('what is written when', () => {
  const counted = async (options: SessionOptions) => {
    const store = memory()
    const calls: string[] = []
    for (const name of ['create', 'update', 'updateSync', 'touch'] as const) {
      const original = store[name] as ((...args: never[]) => unknown) | undefined
      if (original)
        Object.assign(store, {
          [name]: (...args: never[]) => {
            calls.push(name.replace('Sync', ''))
            return original.apply(store, args)
          },
        })
    }
    const running = await shop({ ...options, store })
    const visitor = running.visitor()
    await visitor.get('/nothing')
    const first = calls.splice(0)
    await visitor.get('/set/note/hello')
    calls.splice(0)
    await visitor.get('/nothing')
    const read = calls.splice(0)
    await running.close()
    return { first, read }
  }

  test('is nothing for a visitor without data, and nothing for a page that only reads', async () => {
    assert.deepEqual(await counted({}), { first: [], read: [] })
  })

  test('with saveUninitialized is each new session', async () => {
    assert.deepEqual(await counted({ saveUninitialized: true }), { first: ['create'], read: [] })
  })

  test('is nothing for a page that only reads, whatever moment the clock says between two looks at it', async (t) => {
    let now = 1_800_000_000_000
    t.mock.method(Date, 'now', () => now++)
    for (const cookie of [{ maxAge: 600_000 }, { expires: new Date(now + 600_000) }])
      assert.deepEqual((await counted({ cookie: { secure: false, sameSite: 'lax', ...cookie } })).read, [])
  })

  test('with resave is each session that was read', async () => {
    assert.deepEqual(await counted({ resave: true }), { first: [], read: ['update'] })
  })
})

describe('req.sessionStore', () => {
  const stores = async () => {
    const running = await shop({}, (app) => {
      app.get('/store/:method/:id', (request, response) => {
        const { method, id } = request.params
        const store = request.sessionStore as unknown as Record<string, (...args: unknown[]) => unknown>
        const sid = id === 'own' ? request.sessionID : id
        const reply = (error: unknown, result: unknown) =>
          response.json(error ? { failed: (error as Error).name, says: (error as Error).message } : { result })
        if (method === 'set') store[method]?.(sid, { cookie: {}, note: 'by set' }, reply)
        else if (method === 'touch') store[method]?.(sid, request.session, reply)
        else if (['get', 'load', 'destroy'].includes(method)) store[method]?.(sid, reply)
        else store[method]?.(reply)
      })
      app.get('/promised', async (request, response) => {
        const store = request.sessionStore as unknown as { all(): Promise<unknown> }
        response.json(await store.all().catch((error: Error) => error.name))
      })
    })
    const [visitor, other] = [running.visitor(), running.visitor()]
    await visitor.get('/set/note/mine')
    await other.get('/set/note/theirs')
    return { running, visitor, other, theirs: (await see(other)).id }
  }
  type Answer = { failed?: string; says?: string; result?: Data }

  test('reads, writes and ends the session of the request itself', async () => {
    const { running, visitor } = await stores()
    const got = await visitor.json<Answer>('/store/get/own')
    assert.equal(got.result?.note, 'mine')
    assert.equal('cookie' in (got.result ?? {}), true)
    await visitor.json('/store/set/own')
    assert.deepEqual((await see(visitor)).data, { note: 'by set' })
    await visitor.json('/store/touch/own')
    await visitor.json('/store/destroy/own')
    assert.deepEqual((await see(visitor)).data, {})
    await running.close()
  })

  test('cannot open the sessions of other visitors, and says why', async () => {
    const { running, visitor, other } = await stores()
    for (const method of ['get', 'load', 'set', 'touch', 'all', 'clear']) {
      const { failed, says } = await visitor.json<Answer>(`/store/${method}/AAAAAAAAAAAAAAAA`)
      assert.equal(failed, 'UnsupportedError', method)
      assert.match(says ?? '', /sealed under a key that its visitor alone has|revoke-everybody/)
    }
    assert.equal(await visitor.json('/promised'), 'UnsupportedError')
    assert.deepEqual((await see(other)).data, { note: 'theirs' })
    await running.close()
  })

  test('ends a session that it has never seen', async () => {
    const store = memory()
    const one = await shop({ store })
    const two = await shop({ store }, (app) => {
      app.get('/end/:id', (request, response) =>
        request.sessionStore.destroy(request.params.id, (error) => response.json(error ?? 'ended')),
      )
    })
    const visitor = one.visitor()
    await visitor.get('/set/note/hello')
    const { id } = await see(visitor)
    assert.equal(await two.visitor().json(`/end/${id}`), 'ended')
    assert.deepEqual((await see(visitor)).data, {})
  })

  test('counts sessions, and ends one by its id', async () => {
    const { running, visitor, other, theirs } = await stores()
    assert.deepEqual(await visitor.json('/store/length/all'), { result: 2 })
    await visitor.json(`/store/destroy/${theirs}`)
    assert.deepEqual((await see(other)).data, {})
    await running.close()
  })
})

const PRIVATE = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })

describe('options', () => {
  const refused = (options: object, message: RegExp, name = 'ConfigError') =>
    assert.throws(
      () => session({ ...BASE, ...options } as never),
      (error: Error) => {
        assert.equal(error.name, name)
        assert.match(error.message, message)
        return true
      },
    )

  test('that cannot be honoured are refused, with the reason', () => {
    refused({ genid: () => 'mine' }, /genid option cannot be honoured.*public handle/)
    refused({ store: {} }, /store must be an engine such as redis.*or a store of express-session/)
    refused({ store: session.MemoryStore }, /It got a class: pass an instance, which is made with new/)
    refused({ store: Promise.resolve(memory()) }, /It got a promise: await it/)
    refused({ store: () => undefined }, /It got a function: call it/)
    refused({ unset: 'forget' }, /unset option must be "destroy" or "keep"/, 'TypeError')
    refused({ secret: [] }, /array of one or more strings/, 'TypeError')
    refused({ secret: 5 }, /secret option: it is neither a string nor bytes/)
    refused({ name: 'a b' }, /name option must be the name of a cookie/)
    refused({ cookie: 'secure' }, /cookie option must be an object/)
    refused({ cookie: { domain: 'a;b' } }, /domain/i, 'TypeError')
    refused({ cookie: { maxAge: '1h' } }, /maxAge must be a number/, 'TypeError')
    refused({ cookie: null }, /cookie option must be an object/)
    refused({ cookie: { samesite: 'lax' } }, /Unknown option "samesite".*Did you mean "sameSite"/)
    refused({ cookie: { signed: true } }, /Leave it out: the cookie is always authenticated/)
    refused(
      { name: '__Host-id', cookie: { secure: false } },
      /Browsers refuse the cookie __Host-id without secure: true/,
    )
    refused({ name: '__Host-id', cookie: { secure: true, path: '/x' } }, /with a domain, or a path other than/)
    refused({ cookie: { sameSite: 'Laxx' } }, /sameSite/i, 'TypeError')
    refused({ secret: createPrivateKey(PRIVATE) }, /KeyObject of type secret/)
    refused({ quirks: ['all'] }, /quirks must be one of: keeps-cookie/)
    refused({ quirks: 'keeps-cookie' }, /quirks must be an array/)
    refused({ secrets: ['x'] }, /Unknown option "secrets".*"secret"/)
    refused({ rollin: true }, /Did you mean "rolling"\?/)
    refused({ idle: null }, /idle: null is not possible/)
    refused({ proxy: 'yes' }, /proxy must be one of: true, false/)
  })

  test('without a secret, each request fails, as in express-session', async () => {
    const middleware = session({ ...BASE, secret: undefined })
    assert.throws(() => middleware.sessions, /secret option is required for sessions/)
    let seen: unknown
    middleware({ headers: {}, url: '/' } as never, {} as never, (error) => {
      seen = error
    })
    assert.match(String(seen), /secret option is required for sessions/)
  })

  test('that send a secure cookie over http are told in a warning, by the first visitor', async (t) => {
    const warnings = t.mock.method(process, 'emitWarning', () => undefined)
    const running = await shop({ name: 'told', cookie: { secure: true, sameSite: 'lax' } })
    for (const visitor of [running.visitor(), running.visitor()])
      assert.deepEqual((await visitor.get('/set/note/hello')).cookies, [])
    assert.equal(warnings.mock.callCount(), 1)
    assert.match(
      String(warnings.mock.calls[0]?.arguments[0]),
      /The cookie told is secure, and a request came without TLS/,
    )
  })

  test('that keep sessions in memory are told in a warning, in production', (t) => {
    const before = process.env.NODE_ENV
    t.after(() => {
      if (before === undefined) delete process.env.NODE_ENV
      else process.env.NODE_ENV = before
    })
    const warnings = t.mock.method(process, 'emitWarning', () => undefined)
    session(BASE)
    assert.equal(warnings.mock.callCount(), 0)
    process.env.NODE_ENV = 'production'
    session(BASE)
    assert.match(String(warnings.mock.calls[0]?.arguments[0]), /keeps its sessions in memory/)
  })

  test('that are weak are told in a warning', (t) => {
    const warnings = t.mock.method(process, 'emitWarning', () => undefined)
    for (const _ of ['two', 'sites']) session({ secret: 'keyboard cat' })
    session({ ...BASE, cookie: { secure: true, sameSite: 'lax' } })
    const said = warnings.mock.calls.map(({ arguments: [text] }) => String(text))
    for (const part of [
      /lacks secure and sameSite/,
      /no resave option/,
      /no saveUninitialized option/,
      /short or guessable/,
    ])
      assert.equal(said.filter((text) => part.test(text)).length, 1, `${part}`)
    assert.equal(said.length, 4)
  })

  test('of a weak secret are refused in production alone', (t) => {
    const before = process.env.NODE_ENV
    t.after(() => {
      if (before === undefined) delete process.env.NODE_ENV
      else process.env.NODE_ENV = before
    })
    t.mock.method(process, 'emitWarning', () => undefined)
    process.env.NODE_ENV = 'production'
    refused({ secret: 'keyboard cat' }, /secret option: it has 12 bytes; at least 32 are needed.*pass it as `secret`/)
    refused({ secret: [secret('1'), 'keyboard cat'] }, /number 2 of 2: it has 12 bytes/)
    session({ ...BASE })
    process.env.NODE_ENV = 'development'
    session({ ...BASE, secret: 'keyboard cat' })
  })

  test('of a list of secrets open what an older one has made', async () => {
    const store = memory()
    const before = await shop({ store, secret: secret('1') })
    const after = await shop({ store, secret: [secret('2'), secret('1')] })
    const visitor = before.visitor()
    await visitor.get('/set/note/hello')
    const same = after.visitor()
    same.jar.plant('connect.sid', visitor.jar.value('connect.sid') ?? '')
    assert.deepEqual((await see(same)).data, { note: 'hello' })
    // As an environment variable has several, and createSessions() reads them.
    const listed = await shop({ store, secret: `${secret('2')},${secret('1')}` })
    const third = listed.visitor()
    third.jar.plant('connect.sid', visitor.jar.value('connect.sid') ?? '')
    assert.deepEqual((await see(third)).data, { note: 'hello' })
    const other = await shop({ store, secret: secret('3') })
    const stranger = other.visitor()
    stranger.jar.plant('connect.sid', visitor.jar.value('connect.sid') ?? '')
    assert.deepEqual((await see(stranger)).data, {})
    await other.close()
  })
})

describe('what other packages take from the module', () => {
  test('is there after require(), as the function itself', () => {
    const required = createRequire(import.meta.url)('strongroom/express-session')
    assert.equal(required, session)
  })

  test('is a Store that can be called, inherited from, and that emits events', () => {
    function Old(this: object) {
      session.Store.call(this)
    }
    inherits(Old, session.Store as never)
    const old = new (Old as unknown as new () => InstanceType<typeof session.Store>)()
    class New extends session.Store {}
    for (const store of [old, new New()]) {
      let told = 0
      store.on('disconnect', () => told++)
      store.emit('disconnect')
      assert.equal(told, 1)
      assert.ok(store instanceof session.Store)
    }
  })

  test('is a MemoryStore, as the option store and as req.sessionStore', async () => {
    const store = new session.MemoryStore()
    const seen: unknown[] = []
    const running = await shop({ store: store as never }, (app) => {
      const remember: RequestHandler = (request, response) => {
        seen.push(request.sessionStore)
        response.json('seen')
      }
      app.get('/store', remember)
    })
    const visitor = running.visitor()
    await visitor.get('/set/note/hello')
    await visitor.get('/store')
    assert.equal(seen[0], store)
    assert.equal(await store.length(), 1)
  })
})

describe('a store of express-session', () => {
  test('is used as it is, sealed, and without its sessions’ ids', async () => {
    const store = new expressSession.MemoryStore()
    const running = await shop({ store })
    const visitor = running.visitor()
    await visitor.get('/set/note/hello-there')
    assert.deepEqual((await see(visitor)).data, { note: 'hello-there' })
    const { sessions } = store as unknown as { sessions: Record<string, string> }
    const [[id, text] = ['', '']] = Object.entries(sessions)
    const { id: handle } = await see(visitor)
    for (const secret of ['hello-there', visitor.jar.value('connect.sid') ?? '', handle]) {
      assert.equal(text.includes(secret), false)
      assert.equal(id.includes(secret), false)
    }
    await visitor.get('/destroy')
    assert.deepEqual((await see(visitor)).data, {})
  })

  test('that says it has lost its server leaves requests without a session, as with express-session, until it is back', async () => {
    const store = new expressSession.MemoryStore()
    const told: string[] = []
    const running = await shop({ store }, (app) => {
      app.get('/listen', (request, response) => {
        for (const name of ['connect', 'disconnect']) request.sessionStore.on(name, () => told.push(name))
        response.json('listening')
      })
      app.get('/is', (request, response) => response.json(request.session !== undefined))
    })
    const visitor = running.visitor()
    await visitor.get('/listen')
    assert.equal(await visitor.json('/is'), true)
    store.emit('disconnect')
    assert.equal(await visitor.json('/is'), false)
    store.emit('connect')
    assert.equal(await visitor.json('/is'), true)
    assert.deepEqual(told, ['disconnect', 'connect'])
  })
})

describe('what the session underneath is told', () => {
  test('counts: a login that is to be remembered has a cookie that lasts as long', async () => {
    const running = await shop({}, (app) => {
      app.get('/login', async (request, response) => {
        const ours = await running.middleware.sessions.get(request)
        ours.login('alice', { remember: '30d' })
        response.json('in')
      })
      app.get('/end', async (request, response) => {
        const ours = await running.middleware.sessions.get(request)
        response.json([ours.endsAt, request.session.cookie.expires])
      })
    })
    const visitor = running.visitor()
    const { cookies } = await visitor.get('/login')
    await visitor.get('/set/note/hello')
    const [ends, expires] = await visitor.json<string[]>('/end')
    assert.equal(expires, ends)
    const inCookie = /Expires=([^;]+)/.exec(cookies[0] ?? '')?.[1] ?? ''
    assert.equal(new Date(inCookie).toUTCString(), new Date(ends ?? '').toUTCString())
    assert.ok(Date.parse(ends ?? '') > Date.now() + 29 * 86_400_000)
  })

  test('counts: a lifetime that setExpiry has set stays', async () => {
    let now = Date.now()
    const clock = () => now
    const cookie = () => ({ maxAge: 3_600_000 })
    const running = await shop({ clock, store: memory({ clock }), memo: false, cookie }, (app) => {
      app.get('/short', async (request, response) => {
        dataOf(request).note = 'hello'
        const ours = await running.middleware.sessions.get(request)
        ours.setExpiry('10m')
        response.json('done')
      })
    })
    const visitor = running.visitor()
    await visitor.get('/short')
    await visitor.get('/set/other/hello')
    now += 9 * 60_000
    assert.deepEqual((await see(visitor.copy())).data, { note: 'hello', other: 'hello' })
    now += 11 * 60_000
    assert.deepEqual((await see(visitor.copy())).data, {})
  })
})

test('the page about an error has the cookie of what was saved before, with its attributes', async () => {
  const running = await shop({}, (app) => {
    app.get('/half', (request, response) => {
      dataOf(request).early = true
      request.session.cookie.httpOnly = false
      request.session.save(() => {
        dataOf(request).blob = 'x'.repeat(70_000)
        response.json('done')
      })
    })
  })
  const visitor = running.visitor()
  const { status, cookies } = await visitor.get('/half')
  assert.equal(status, 500)
  assert.match(cookies.join(), /^connect\.sid=[\w-]{88}; Path=\/; SameSite=Lax$/)
  assert.deepEqual((await see(visitor)).data, { early: true })
})

describe('a change between the first byte of a response and its end', () => {
  const streamed = (app: Express) => {
    app.get('/stream', (request, response) => {
      dataOf(request).early = true
      response.write('begun, ')
      dataOf(request).later = true
      response.end('ended')
    })
    app.get('/slow-stream', async (request, response) => {
      response.write('begun, ')
      await new Promise((resolve) => setImmediate(resolve))
      dataOf(request).count = Number(dataOf(request).count ?? 0) + 1
      response.end('ended')
    })
  }

  for (const store of ['memory', 'one that takes a turn'] as const)
    test(`is saved before the end is sent, in ${store}`, async () => {
      const slow = memory()
      if (store !== 'memory') Object.assign(slow, { readSync: undefined, updateSync: undefined })
      const running = await shop({ store: slow, memo: false }, streamed)
      const visitor = running.visitor()
      await visitor.get('/set/note/hello')
      assert.equal((await visitor.get('/stream')).body, 'begun, ended')
      for (const count of [1, 2]) {
        assert.equal((await visitor.get('/slow-stream')).body, 'begun, ended')
        assert.deepEqual((await see(visitor)).data, { note: 'hello', early: true, later: true, count })
      }
    })

  for (const failure of ['too large', 'a store that fails'] as const)
    test(`does not keep the page about an error back, if the session could not be saved: ${failure}`, async () => {
      const store = memory()
      const running = await shop({ store }, (app) => {
        app.get('/fails', (request, response) => {
          if (failure === 'too large') dataOf(request).blob = 'x'.repeat(70_000)
          else Object.assign(store, { updateSync: undefined, update: () => Promise.reject(new Error('unplugged')) })
          dataOf(request).early = true
          response.write('begun, ')
          dataOf(request).later = true
          response.end('ended')
        })
      })
      const visitor = running.visitor()
      await visitor.get('/set/note/hello')
      const { status, body } = await visitor.get('/fails')
      assert.deepEqual([status, body], [failure === 'too large' ? 500 : 503, 'failed'])
      assert.deepEqual((await see(visitor)).data, { note: 'hello' })
    })

  test('is told as lost where the session is new, and its cookie can no longer be sent', async () => {
    const running = await shop({}, streamed)
    const visitor = running.visitor()
    assert.equal((await visitor.get('/slow-stream')).body, 'begun, ended')
    assert.match(String(running.errors.pop()), /The session is not stored/)
    assert.deepEqual((await see(visitor)).data, {})
  })
})
