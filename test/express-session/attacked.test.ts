import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ErrorRequestHandler, Express, Request, Response } from 'express'
import expressSession from 'express-session'
import { cookie } from 'strongroom/cookie'
import { strongroom } from 'strongroom/express'
import session from 'strongroom/express-session'
import { memory } from 'strongroom/memory'
import { BASE, dataOf, gate, see, shop } from './shop.ts'
import { site } from './site.ts'

/** A store whose calls take a turn, and fail while `isDown`. */
function breakable() {
  const store = Object.assign(memory(), { isDown: false })
  for (const name of ['create', 'read', 'update', 'delete', 'touch'] as const) {
    const original = store[name] as (...args: never[]) => Promise<unknown>
    Object.assign(store, {
      [name]: (...args: never[]) =>
        store.isDown ? Promise.reject(new Error('the plug was pulled')) : original.apply(store, args),
    })
  }
  return Object.assign(store, { readSync: undefined, updateSync: undefined })
}

describe('a cookie that cannot be sent is an error of its request, before anything is saved', () => {
  const WAYS: Readonly<Record<string, (request: Request) => void>> = {
    'a maxAge that is no number': ({ session }) => {
      session.cookie.maxAge = Number('x')
    },
    'a domain of the visitor': ({ session }) => {
      session.cookie.domain = 'a_b; c'
    },
    'a path of the visitor': ({ session }) => {
      session.cookie.path = '/;'
    },
    'an expires that is text': ({ session }) => {
      session.cookie.expires = 'tomorrow' as never
    },
    'a sameSite that does not exist': ({ session }) => {
      session.cookie.sameSite = 'sometimes' as never
    },
    'a cookie of the visitor': ({ session }) => void Object.assign(session, { cookie: {} }),
  }
  const MESSAGES: Readonly<Record<string, RegExp>> = {
    'a maxAge that is no number': /has a maxAge that is no number/,
    'an expires that is text': /or an expires that is no Date/,
    'a cookie of the visitor': /req\.session\.cookie was replaced/,
  }
  for (const [title, change] of Object.entries(WAYS))
    test(title, async () => {
      const running = await shop({}, (app) => {
        app.get('/broken', (request, response) => {
          dataOf(request).broken = true
          change(request)
          response.json('done')
        })
      })
      for (const visitor of [running.visitor(), running.visitor()]) {
        await visitor.get('/set/note/hello')
        const { status, body, cookies } = await visitor.get('/broken')
        assert.deepEqual([status, body, cookies], [500, 'failed', []])
        assert.match(
          String(running.errors.pop()),
          MESSAGES[title] ??
            /^TypeError: The (?:domain|path|sameSite) of a session's cookie is none that a cookie can have/,
        )
        assert.deepEqual((await see(visitor)).data, { note: 'hello' })
      }
      const { status, cookies } = await running.visitor().get('/broken')
      assert.deepEqual([status, cookies], [500, []])
    })

  test('also where cookie is a function, and the visitor says the host', async () => {
    const cookie = (request: Request) => ({ domain: String(request.headers['x-host']) })
    const running = await shop({ cookie })
    const { status, cookies } = await running.visitor().get('/set/note/hello', { 'x-host': 'a b;c' })
    assert.deepEqual([status, cookies], [500, []])
  })
})

describe('req.sessionStore', () => {
  test('ends no process when nobody waits for what it does', async () => {
    const store = breakable()
    const running = await shop({ store }, (app) => {
      app.get('/forget/:method', (request, response) => {
        const all = request.sessionStore as unknown as Record<string, (...args: unknown[]) => unknown>
        for (const id of [request.sessionID, 'AAAAAAAAAAAAAAAA']) all[request.params.method]?.(id, request.session)
        setImmediate(() => response.json('done'))
      })
    })
    for (const method of ['destroy', 'touch', 'set', 'get', 'length']) {
      const visitor = running.visitor()
      assert.equal((await visitor.get(`/forget/${method}`)).status, 200)
      await visitor.get('/set/note/hello')
      assert.notEqual((await visitor.get(`/forget/${method}`)).status, 0)
    }
  })

  test('ends what has ended already without an error, as express-session does', async () => {
    const running = await shop({}, (app) => {
      app.get('/twice', (request, response) => {
        const end = (then: () => void) =>
          request.sessionStore.destroy(request.sessionID, (error) => (error ? response.json(`${error}`) : then()))
        end(() => end(() => response.json('ended')))
      })
    })
    const visitor = running.visitor()
    assert.equal(await visitor.json('/twice'), 'ended')
    await visitor.get('/set/note/hello')
    assert.equal(await visitor.json('/twice'), 'ended')
    assert.deepEqual((await see(visitor)).data, {})
  })

  for (const how of ['regenerate', 'login'])
    test(`does nothing to the session after a ${how} by the id of the one before it`, async () => {
      const running = await shop({}, (app) => {
        const begin = async (request: Request) => {
          if (how === 'regenerate') return new Promise<void>((resolve) => request.session.regenerate(() => resolve()))
          ;(await running.middleware.sessions.get(request)).login('ada')
          await running.middleware.sessions.save(request)
        }
        app.get('/login', async (request, response) => {
          const old = request.sessionID
          await begin(request)
          dataOf(request).user = 'ada'
          await new Promise<void>((resolve) => request.session.save(() => resolve()))
          const store = request.sessionStore as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
          const read = await store.get?.(old)
          const written = await store.set?.(old, { cookie: {}, user: 'mallory' }).catch(({ name }: Error) => name)
          await store.destroy?.(old)
          response.json({ read, written })
        })
      })
      const visitor = running.visitor()
      await visitor.get('/set/cart/tea')
      const { read, written } = await visitor.json<{ read: null; written: string }>('/login')
      assert.equal(read, null)
      assert.match(written, /^Session(?:Closed|Gone)Error$/)
      assert.equal((await see(visitor)).data.user, 'ada')
    })
})

test('with rolling, a page that was only read does not put its dead cookie over that of a login', async () => {
  const [arrived, go] = [gate(), gate()]
  const running = await shop({ rolling: true }, (app) => {
    app.get('/slow', async (request, response) => {
      arrived.open()
      await go.opened
      response.json(dataOf(request).note)
    })
  })
  const visitor = running.visitor()
  await visitor.get('/set/note/hello')
  const slow = visitor.copy().get('/slow')
  await arrived.opened
  await visitor.get('/regenerate')
  go.open()
  assert.deepEqual((await slow).cookies, [])
})

test('what is changed back after reload() is saved', async () => {
  const [loaded, go] = [gate(), gate()]
  const running = await shop({}, (app) => {
    app.get('/lock', (request, response) => {
      Object.assign(dataOf(request), { locked: true, admin: true })
      response.json('locked')
    })
    app.get('/unlock', async (request, response) => {
      loaded.open()
      await go.opened
      await new Promise<void>((resolve) => request.session.reload(() => resolve()))
      const seen = dataOf(request).locked
      dataOf(request).locked = 'no'
      delete dataOf(request).admin
      response.json(seen)
    })
  })
  const visitor = running.visitor()
  await visitor.get('/set/locked/no')
  const unlocking = visitor.copy().json('/unlock')
  await loaded.opened
  await visitor.get('/lock')
  go.open()
  assert.equal(await unlocking, true)
  assert.deepEqual((await see(visitor)).data, { locked: 'no' })
})

describe('sessionStore.generate()', () => {
  test('gives a request another session immediately, and the one before it ends', async () => {
    const running = await shop({}, (app) => {
      app.get('/generate', (request, response) => {
        const before = request.session
        const id = request.sessionID
        request.sessionStore.generate(request)
        dataOf(request).user = 'ada'
        response.json([id, before.id, request.sessionID])
      })
      app.get('/again', (request, response) =>
        request.session.destroy(() =>
          request.sessionStore.regenerate(request, () => {
            dataOf(request).user = 'bob'
            response.json('begun')
          }),
        ),
      )
    })
    const visitor = running.visitor()
    await visitor.get('/set/note/hello')
    const old = visitor.copy()
    const [id, kept, next] = await visitor.json<string[]>('/generate')
    assert.equal(kept, id)
    assert.deepEqual(await see(visitor), { id: next, data: { user: 'ada' } })
    assert.deepEqual((await see(old)).data, {})
    await visitor.get('/again')
    assert.deepEqual((await see(visitor)).data, { user: 'bob' })
  })
})

test('an error handler that logs the session id of a request whose store is down responds all the same', async () => {
  const store = breakable()
  const running = await shop({ store, memo: false }, (app) => {
    const log: ErrorRequestHandler = (error, request, response, _next) => {
      response.status(error.status).json([request.sessionID ?? 'none', request.session ?? null])
    }
    app.use('/', log)
  })
  const visitor = running.visitor()
  await visitor.get('/set/note/hello')
  store.isDown = true
  const { status, body } = await visitor.get('/see')
  assert.deepEqual([status, body], [503, '["none",null]'])
})

describe('an id', () => {
  test('names a request that lasts, whatever others of the same session and visitors without one ask', async () => {
    const [asked, go] = [gate(), gate()]
    const running = await shop({}, (app) => {
      app.get('/lasting', async (request, response) => {
        const { sessionID: id, sessionStore: store } = request
        asked.open()
        await go.opened
        store.get(id, (error, session) => response.json(error ? `${error}` : (session as never)))
      })
      app.get('/flood', (request, response) => {
        const store = request.sessionStore as unknown as { know(id: string, live: object, isStored: boolean): void }
        for (let i = 0; i < 10_001; i++) store.know(`visitor ${i}`, {}, false)
        response.json(request.sessionID)
      })
    })
    const visitor = running.visitor()
    await visitor.get('/set/note/hello')
    const lasting = visitor.copy().json<{ note: string }>('/lasting')
    await asked.opened
    await see(visitor.copy())
    await running.visitor().get('/flood')
    go.open()
    assert.equal((await lasting).note, 'hello')
  })
})

test('with sessions in cookies, what comes too late for one is an error', async () => {
  const results: unknown[] = []
  const done = gate()
  const running = await shop({ store: cookie() }, (app) => {
    app.get('/late', (request, response) => {
      response.json('begun')
      response.once('close', () => {
        dataOf(request).late = true
        request.session.save((error) => {
          results.push((error as Error).name)
          request.session.destroy((error) => {
            results.push((error as Error).name)
            done.open()
          })
        })
      })
    })
  })
  const visitor = running.visitor()
  await visitor.get('/set/note/hello')
  await visitor.get('/late')
  await done.opened
  assert.deepEqual(results, ['SessionClosedError', 'SessionClosedError'])
  assert.deepEqual((await see(visitor)).data, { note: 'hello' })
})

test('two sessions of one request, with two cookies, end a response once', async () => {
  const [one, two] = [session({ ...BASE, name: 'one' }), session({ ...BASE, name: 'two' })]
  const running = await site((app) => {
    app.use(one)
    app.get('/both', (request, response, next) => {
      dataOf(request).name = 'one'
      request.session.save(() => {
        request.session = null as never
        two(request, response, () => {
          dataOf(request).name = 'two'
          response.json('both')
        })
      })
      void next
    })
  })
  const { status, body } = await running.visitor().get('/both')
  assert.deepEqual([status, body], [200, '"both"'])
})

test('behind another adapter of the same sessions, session() says that there would be two', async () => {
  const middleware = session(BASE)
  const running = await site((app) => {
    app.use(strongroom(middleware.sessions))
    app.use(async (request, _response, next) => {
      await middleware.sessions.get(request)
      next()
    })
    app.use(middleware)
    app.get('/', (_request, response) => response.json('never'))
  })
  const { status, body } = await running.visitor().get('/')
  assert.equal(status, 500)
  assert.match(body, /Another adapter has given this request its session already/)
})

test('a write that a connect store confirms too late does not undo a logout', async () => {
  const store = new expressSession.MemoryStore()
  const set = store.set.bind(store)
  let delayed: (() => void) | null = null
  const running = await shop({ store, storeTimeout: 500 })
  const visitor = running.visitor()
  await visitor.get('/set/note/hello')
  const copy = visitor.copy()
  store.set = (sid, session, callback) => {
    delayed = () => set(sid, session, callback)
  }
  const { status } = await visitor.copy().get('/set/slow/write')
  assert.equal(status, 503)
  store.set = set
  const destroy = store.destroy.bind(store)
  let isDestroyed = false
  store.destroy = (sid, callback) => {
    isDestroyed = true
    destroy(sid, callback)
  }
  const logout = visitor.get('/destroy')
  // Time enough for a logout that does not wait.
  for (let turns = 0; turns < 500 && !isDestroyed; turns++) await new Promise((resolve) => setImmediate(resolve))
  ;(delayed as (() => void) | null)?.()
  assert.equal((await logout).body, 'null')
  assert.deepEqual((await see(copy)).data, {})
})

describe('after the first byte', () => {
  const streaming = (work: (request: Request) => void) => (app: Express) => {
    app.get('/stream', (request, response) => {
      response.write('begun, ')
      setImmediate(() => {
        work(request)
        response.end('ended')
      })
    })
  }

  test('unset: destroy ends the session before the end is sent', async () => {
    const running = await shop(
      { unset: 'destroy' },
      streaming((request) => {
        request.session = null as never
      }),
    )
    const visitor = running.visitor()
    await visitor.get('/set/note/hello')
    assert.equal((await visitor.get('/stream')).body, 'begun, ended')
    assert.deepEqual((await see(visitor)).data, {})
  })

  test('what JSON cannot hold goes to the error handler, and is thrown at nobody', async () => {
    const running = await shop(
      {},
      streaming((request) => {
        dataOf(request).count = 1n
      }),
    )
    const visitor = running.visitor()
    await visitor.get('/set/note/hello')
    assert.equal((await visitor.get('/stream')).body, 'begun, ended')
    while (running.errors.length === 0) await new Promise((resolve) => setImmediate(resolve))
    assert.match(String(running.errors), /req\.session\.count cannot be stored/)
  })

  test('a save that failed and is tried again saves', async () => {
    const store = breakable()
    const results: unknown[] = []
    const done = gate()
    const running = await shop({ store, memo: false }, (app) => {
      app.get('/later', (request, response) => {
        response.json('begun')
        response.once('close', () => {
          dataOf(request).x = 2
          const { update } = store
          store.update = () => Promise.reject(new Error('the plug was pulled'))
          request.session.save((error) => {
            results.push((error as Error).name)
            store.update = update
            request.session.save((error) => {
              results.push(error)
              done.open()
            })
          })
        })
      })
    })
    const visitor = running.visitor()
    await visitor.get('/set/note/hello')
    await visitor.get('/later')
    await done.opened
    assert.deepEqual(results, ['StoreError', undefined])
    assert.deepEqual((await see(visitor)).data, { note: 'hello', x: 2 })
  })
})

describe('the methods of req.session', () => {
  test('refuse, in the handler, a callback that is none', async () => {
    const running = await shop({}, (app) => {
      app.get('/wrong/:method', (request, response) => {
        const methods = request.session as unknown as Record<string, (callback: unknown) => unknown>
        methods[request.params.method]?.('then')
        response.json('done')
      })
    })
    for (const method of ['save', 'reload', 'destroy', 'regenerate']) {
      assert.equal((await running.visitor().get(`/wrong/${method}`)).status, 500)
      assert.match(String(running.errors.pop()), /take a callback, which must be a function/)
    }
  })

  test('end the session if destroy follows regenerate in the same turn', async () => {
    const running = await shop({}, (app) => {
      app.get('/both', (request, response) => {
        const { session } = request
        session.regenerate(() => undefined)
        session.destroy((error) => response.json([error ?? null, request.session ?? null]))
      })
    })
    const visitor = running.visitor()
    await visitor.get('/set/note/hello')
    const copy = visitor.copy()
    assert.deepEqual(await visitor.json('/both'), [null, null])
    assert.deepEqual((await see(copy)).data, {})
  })

  test('tell the response that a stand-in could not be ended, if there is no callback', async () => {
    const store = breakable()
    const running = await shop({ store, memo: false, onStoreError: 'anonymous' }, (app) => {
      app.get('/out', (request: Request, response: Response) => {
        request.session.destroy(undefined as never)
        response.json('signed out')
      })
    })
    const visitor = running.visitor()
    await visitor.get('/set/note/hello')
    store.isDown = true
    assert.equal((await visitor.get('/out')).status, 503)
    store.isDown = false
    assert.deepEqual((await see(visitor)).data, { note: 'hello' })
  })
})
