import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { suite, test } from 'node:test'
import connect from 'connect'
import flash from 'connect-flash'
import express from 'express'
import express4 from 'express4'
import passport from 'passport'
import { strongroom } from '../../packages/strongroom/src/adapters/express.ts'
import { NotAttachedError, StoreError } from '../../packages/strongroom/src/errors.ts'
import { running } from '../adapters/site.ts'
import { login, type Site, type SiteParts, site, type Values } from './site.ts'

const post = { method: 'POST' }
const wrong = (path: string) => `${path}?username=ada&password=wrong`
type SmallSession = Values & { save(done?: (error?: unknown) => void): void }
const sessionOf = (request: object) => (request as { session: SmallSession }).session

/** Keeps a state between the redirect to a provider and the way back, as passport-oauth2 does with `state: true`. */
class OAuthStrategy extends passport.Strategy {
  override name = 'oauth'
  override authenticate(request: express.Request) {
    const session = sessionOf(request) as { oauth?: { state?: string } }
    if (request.query.state === undefined) {
      session.oauth ??= {}
      session.oauth.state = 'a state'
      return this.redirect('https://provider.example/?state=a+state')
    }
    const expected = session.oauth?.state
    delete session.oauth?.state
    if (session.oauth && Object.keys(session.oauth).length === 0) delete session.oauth
    if (expected !== request.query.state) return this.fail({ message: 'Wrong state' } as never)
    this.success({ id: 'ada' } as Express.User)
  }
}

suite('without a req.session, Passport and its strategies get a small one', { timeout: 20_000 }, () => {
  const local =
    (options: passport.AuthenticateOptions) =>
    ({ app, passport }: SiteParts) =>
      app.post('/try', passport.authenticate('local', options))

  test('failureMessage and successMessage add to its messages', async (t) => {
    const { visitor, me } = await site(t, {
      routes: local({
        failureMessage: true,
        successMessage: 'Welcome',
        failureRedirect: '/login',
        keepSessionInfo: true,
      }),
    })
    for (let i = 0; i < 2; i++) await visitor.ask(wrong('/try'), post)
    assert.deepEqual((await me()).data.messages, ['Wrong password', 'Wrong password'])
    await visitor.ask(wrong('/try').replace('wrong', 'right'), post)
    assert.deepEqual((await me()).data.messages, ['Wrong password', 'Wrong password', 'Welcome'])
  })

  test('successReturnToOrRedirect finds its returnTo, with keepSessionInfo', async (t) => {
    for (const [keepSessionInfo, location] of [
      [true, '/basket'],
      [false, '/home'],
    ] as const) {
      const { visitor, me } = await site(t, {
        routes: (parts) => {
          parts.app.get('/private', (request, response) => {
            sessionOf(request).returnTo = '/basket'
            response.redirect('/login')
          })
          local({ successReturnToOrRedirect: '/home', keepSessionInfo })(parts)
        },
      })
      await visitor.ask('/private')
      const page = await visitor.ask('/try?username=ada&password=right', post)
      assert.equal(page.header('location'), location)
      assert.deepEqual(Object.keys((await me()).data), ['passport'])
    }
  })

  test('failureFlash works with connect-flash', async (t) => {
    const { visitor } = await site(t, {
      routes: (parts) => {
        parts.app.use(flash())
        parts.app.get('/flash', (request, response) => void response.json(request.flash()))
        local({ failureFlash: true, failureRedirect: '/login' })(parts)
      },
    })
    for (let i = 0; i < 2; i++) await visitor.ask(wrong('/try'), post)
    assert.equal((await visitor.must('/flash')).text, '{"error":["Wrong password","Wrong password"]}')
    assert.equal((await visitor.must('/flash')).text, '{}')
  })

  test('a strategy keeps its state between two requests', async (t) => {
    const { visitor, me } = await site(t, {
      before: (passport) => passport.use(new OAuthStrategy()),
      routes: ({ app, passport }) => app.get('/oauth', passport.authenticate('oauth', { successRedirect: '/me' })),
    })
    await visitor.ask('/oauth')
    assert.equal((await visitor.ask('/oauth?state=another')).status, 401)
    assert.deepEqual((await me()).data, {})
    await visitor.ask('/oauth')
    assert.equal((await visitor.ask('/oauth?state=a+state')).header('location'), '/me')
    assert.deepEqual((await me()).user, { id: 'ada' })
  })

  test('it is there where passport.session() is not', async (t) => {
    const parts = await site(t)
    const app = express().set('env', 'test').use(strongroom(parts.sessions))
    app.post('/try', parts.passport.authenticate('local', { failureMessage: true, failureRedirect: '/login' }))
    app.get('/data', async (request, response) => {
      response.json((await parts.sessions.get(request)).get('messages') ?? null)
    })
    const { visitor } = await running(t, app)
    await visitor.ask(wrong('/try'), post)
    assert.equal((await visitor.must('/data')).text, '["Wrong password"]')
  })

  test('reads, writes, lists and deletes the data of the session, and saves', async (t) => {
    const { visitor, me } = await site(t, {
      routes: ({ app }) =>
        app.get('/use', (request, response) => {
          const session = sessionOf(request)
          const before = [Object.keys(session), 'basket' in session, session.basket, JSON.stringify(session)]
          session.basket = ['tea']
          ;(session.basket as string[]).push('salt')
          session.gone = 1
          session.other = undefined
          delete session.gone
          Object.assign(session, { merged: true })
          session.save((error) => {
            const after = [
              Object.keys(session),
              'gone' in session,
              '~flash.x' in session,
              session[Symbol.iterator as never],
            ]
            response.json([...before, error ?? null, ...after])
          })
        }),
    })
    assert.deepEqual(JSON.parse((await visitor.must('/use')).text), [
      [],
      false,
      null,
      '{}',
      null,
      ['basket', 'merged'],
      false,
      false,
      null,
    ])
    assert.deepEqual((await me()).data, { basket: ['tea', 'salt'], merged: true })
    await visitor.must('/put?theme=dark')
    const [keys, had] = JSON.parse((await visitor.must('/use')).text)
    assert.deepEqual([keys, had], [['basket', 'merged', 'theme'], true])
  })

  test('its save passes on an error of the store', async (t) => {
    const { visitor, watch } = await site(t, {
      routes: ({ app }) =>
        app.get('/use', (request, response) => {
          sessionOf(request).a = 1
          sessionOf(request).save((error) => void response.send(error instanceof StoreError ? 'failed' : 'saved'))
        }),
    })
    let failures = 0
    watch.before = () => {
      if (failures++ === 0) throw new Error('down')
    }
    assert.equal((await visitor.ask('/use')).text, 'failed')
  })

  test('what it does not have says what to use, unless the session has a key of that name', async (t) => {
    const { visitor } = await site(t, {
      routes: ({ app }) =>
        app.get('/use/:name', (request, response) => {
          const session = sessionOf(request)
          assert.throws(() => session[request.params.name], {
            code: 'STRONGROOM_CONFIG',
            message: /req\.logout\(done\)/,
          })
          assert.throws(() => Object.defineProperty(session, 'a', { value: 1 }), TypeError)
          assert.throws(() => {
            session['~own'] = 1
          }, TypeError)
          session[request.params.name] = 'data'
          response.send(session[request.params.name])
        }),
    })
    for (const name of ['regenerate', 'destroy', 'reload', 'touch', 'resetMaxAge'])
      assert.equal((await visitor.ask(`/use/${name}`)).text, 'data')
  })
})

suite('a route of Passport', { timeout: 20_000 }, () => {
  test('fails with the error of the store while that is down, and signs nobody out', async (t) => {
    const { visitor, watch, seen, me, passport, sessions } = await site(t)
    const api = express().set('env', 'test').use(strongroom(sessions))
    api.get('/token', passport.authenticate('local', { session: false }))
    const { visitor: client } = await running(t, api)
    await login(visitor)
    watch.before = () => {
      throw new Error('down')
    }
    assert.equal((await visitor.ask('/me')).status, 503)
    assert.ok(seen.page instanceof StoreError)
    // Unknown is not absent: a strategy might keep a state in it.
    const cookie = visitor.jar.header() ?? ''
    assert.equal((await client.ask('/token', { cookie })).status, 503)
    watch.before = null
    assert.deepEqual((await me()).user, { id: 'ada' })
  })

  test('outside of the sessions works where it signs nobody in; elsewhere the error says what is missing', async (t) => {
    const parts = await site(t)
    const app = express().set('env', 'test')
    const authenticate = (options: passport.AuthenticateOptions) => parts.passport.authenticate('local', options)
    const onward: express.RequestHandler = (request, response) => void response.json(request.user ?? null)
    app.get('/token', authenticate({ session: false }), onward)
    app.get('/assign', authenticate({ assignProperty: 'user' }), onward)
    app.get('/own', (request, response, next) =>
      parts.passport.authenticate('local', (_error: unknown, user: unknown) => response.json(user))(
        request,
        response,
        next,
      ),
    )
    app.get('/session', authenticate({}), onward)
    app.get('/user', parts.passport.session(), onward)
    let seen: unknown
    const onError: express.ErrorRequestHandler = (error, _request, response, _next) => {
      seen = error
      response.sendStatus(500)
    }
    app.use(onError)
    const { visitor } = await running(t, app)
    for (const path of ['/token', '/assign', '/own'])
      assert.equal((await visitor.must(`${path}?username=ada&password=right`)).text, '{"id":"ada"}')
    for (const path of ['/session', '/user']) {
      seen = null
      assert.equal((await visitor.ask(`${path}?username=ada&password=right`)).status, 500)
      assert.ok(seen instanceof NotAttachedError)
    }
  })

  test('that throws is an error of the application, and no end of the process', async (t) => {
    class Broken extends passport.Strategy {
      override name = 'broken'
      override authenticate(): void {
        throw new Error('the strategy failed')
      }
    }
    const parts = await site(t, { before: (passport) => passport.use(new Broken()) })
    const app = express().set('env', 'test').use(strongroom(parts.sessions))
    app.get('/broken', parts.passport.authenticate('broken'))
    const onError: express.ErrorRequestHandler = (error, _request, response, _next) => {
      response.status(500).send(error.message)
    }
    app.use(onError)
    const { visitor } = await running(t, app)
    assert.equal((await visitor.ask('/broken')).text, 'the strategy failed')
  })

  test('works in Express 4 and in Connect', async (t) => {
    const parts = await site(t)
    for (const make of [express4, connect]) {
      const app = make() as { use(...args: unknown[]): unknown }
      app.use((request: { url: string; query?: unknown }, _response: unknown, next: () => void) => {
        request.query = Object.fromEntries(new URL(request.url, 'http://site').searchParams)
        next()
      })
      app.use(strongroom(parts.sessions))
      app.use(parts.passport.session())
      const local = parts.passport.authenticate('local')
      app.use('/login', local)
      app.use(({ user }: { user?: unknown }, response: ServerResponse) => {
        response.end(JSON.stringify(user ?? null))
      })
      const { visitor } = await running(t, app as never)
      assert.equal((await visitor.must('/')).text, 'null')
      assert.equal((await visitor.must('/login?username=ada&password=right')).text, '{"id":"ada"}')
      assert.equal((await visitor.must('/')).text, '{"id":"ada"}')
    }
  })

  test('leaves a req.session of the application alone', async (t) => {
    const own = { messages: ['before'], theirs: true }
    const found: Site = await site(t, {
      routes: ({ app, passport }) => {
        app.use('/own', (request, _response, next) => {
          Object.assign(request, { session: own })
          next()
        })
        app.post('/own', passport.authenticate('local', { failureMessage: true, failureRedirect: '/login' }))
      },
    })
    await found.visitor.ask(wrong('/own'), post)
    assert.deepEqual(own.messages, ['before', 'Wrong password'])
  })
})
