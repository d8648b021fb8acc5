import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, type TestContext, test } from 'node:test'
import express, { type Request } from 'express'
import expressSession from 'express-session'
import passport from 'passport'
import { strongroom } from '../../packages/strongroom/src/adapters/express.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'
import { passportSessions } from '../../packages/strongroom/src/passport/passport.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { running } from '../adapters/site.ts'
import { login, type SiteOptions, site, type User } from './site.ts'

const DAY = 86_400_000
const post = { method: 'POST' }
type Session = Request['session'] & { [key: string]: unknown }
const sessionOf = (request: Request) => request.session as Session

/** `/direct` signs in with these options, and responds with what `req.session` is then. */
const direct = (t: TestContext, options: object, more: SiteOptions = {}, before = (_session: Session) => {}) =>
  site(t, {
    ...more,
    dropIn: true,
    routes: (parts) => {
      parts.app.get('/write', (request, response) => {
        sessionOf(request).a = 1
        response.send('written')
      })
      parts.app.post('/direct', (request, response) => {
        const id = request.sessionID
        before(sessionOf(request))
        request.login({ id: 'ada' } as Express.User, options, (error) => {
          const { cookie: _, ...data } = sessionOf(request)
          response.json({
            error: error ? String(error) : null,
            data,
            isNew: id !== request.sessionID,
            id: request.sessionID,
          })
        })
      })
    },
  })

/** In days from now, by the Set-Cookie line; null for a cookie that ends with the browser. */
const days = (line = '') => {
  const moment = /; Expires=([^;]+)/.exec(line)?.[1]
  return moment === undefined ? null : Math.round((Date.parse(moment) - Date.now()) / DAY)
}

suite('Passport with strongroom/express-session', { timeout: 20_000 }, () => {
  test('after a login, req.session is another one, by the name that the list of devices has', async (t) => {
    const { visitor, sessions } = await direct(t, {})
    await visitor.must('/put?basket=tea')
    const { data, isNew, id } = JSON.parse((await visitor.ask('/direct', post)).text)
    assert.deepEqual(data, { passport: { user: 'ada' } })
    assert.equal(isNew, true)
    assert.deepEqual(
      (await sessions.of('ada').list()).map(({ handle }) => handle),
      [id],
    )
  })

  test('remember is the maxAge of its cookie', async (t) => {
    for (const [remember, expected] of [
      [true, 14],
      ['30d', 30],
      [false, null],
      [undefined, null],
    ] as const) {
      const { visitor } = await direct(t, { remember })
      assert.equal(days((await visitor.ask('/direct', post)).header('set-cookie')), expected)
      // It is the session's own from now on.
      const later = await visitor.must('/write')
      assert.equal(later.all('set-cookie').length, expected === null ? 0 : 1)
      assert.equal(days(later.header('set-cookie')), expected)
    }
  })

  test('its cookie begins as a new one, unless keepSessionInfo keeps it', async (t) => {
    for (const [keepSessionInfo, expected] of [
      [true, 7],
      [false, null],
    ] as const) {
      const { visitor } = await direct(t, { keepSessionInfo }, {}, (session) => {
        session.cookie.maxAge = 7 * DAY
      })
      assert.equal(days((await visitor.ask('/direct', post)).header('set-cookie')), expected)
    }
  })

  test('a login with a wrong option or user id ends nothing', async (t) => {
    for (const [options, userId] of [
      [{ remember: 'for ever' }, () => 'ada'],
      [{}, () => ''],
    ] as const) {
      const { visitor, me } = await direct(t, options, { passport: { userId } })
      await visitor.must('/put?basket=tea')
      const { error, data, isNew } = JSON.parse((await visitor.ask('/direct', post)).text)
      assert.match(error, /login/)
      assert.deepEqual([data, isNew], [{ basket: 'tea' }, false])
      assert.deepEqual(await me(), { user: null, data: { basket: 'tea' } })
    }
  })

  test('a visitor who was signed in before passportSessions() was added stays so, and is in no list until the next login', async (t) => {
    const before = new passport.Passport()
    before.serializeUser((user, done) => done(null, (user as User).id))
    const { visitor, sessions, watch, me } = await site(t, {
      dropIn: true,
      routes: ({ app }) =>
        app.post('/before', (request, response) => {
          Object.assign(request, { _sessionManager: (before as unknown as { _sm: unknown })._sm })
          request.login({ id: 'ada' } as Express.User, () => response.send('signed in'))
        }),
    })
    await visitor.ask('/before', post)
    assert.deepEqual((await me()).user, { id: 'ada' })
    assert.deepEqual(await sessions.of('ada').list(), [])
    await login(visitor)
    assert.equal((await sessions.of('ada').list()).length, 1)
    // For a login that fails, this is somebody who was signed in, too.
    await visitor.ask('/before', post)
    await visitor.must('/put?basket=tea')
    watch.before = (call) => {
      if (call !== 'create') return
      watch.before = null
      throw new Error('down')
    }
    assert.equal((await login(visitor)).status, 503)
    assert.deepEqual(await me(), { user: null, data: {} })
  })

  test('a req.session that was unset is an error of Passport, and not replaced', async (t) => {
    const { visitor, seen } = await site(t, {
      dropIn: true,
      routes: ({ app, passport }) =>
        app.get(
          '/unset',
          (request, _response, next) => {
            request.session.destroy(() => next())
          },
          passport.session(),
        ),
    })
    await login(visitor)
    assert.equal((await visitor.ask('/unset')).status, 500)
    assert.match(String(seen.page), /Login sessions require session support/)
  })

  test('a req.session that is not of the same sessions signs nobody in, and says what to pass', async (t) => {
    const secret = randomBytes(32).toString('hex')
    const sessions = createSessions({ secrets: randomBytes(32), store: 'memory:' })
    const real = expressSession({ secret, resave: false, saveUninitialized: false })
    const plain: express.RequestHandler = (request, _response, next) => {
      Object.assign(request, { session: {} })
      next()
    }
    for (const foreign of [real, plain]) {
      const instance = new passport.Passport()
      instance.serializeUser((user, done) => done(null, (user as User).id))
      passportSessions(instance, sessions)
      const app = express().set('env', 'test').use(strongroom(sessions), foreign, instance.session())
      let seen: unknown
      app.get('/', (request, response) => {
        request.login({ id: 'ada' } as Express.User, (error) => {
          seen = error
          response.json([request.user, sessionOf(request).passport ?? null])
        })
      })
      const { visitor } = await running(t, app)
      assert.equal((await visitor.must('/')).text, '[null,null]')
      assert.ok(seen instanceof ConfigError)
      assert.match(seen.message, /pass what session\(\) returns/)
      assert.deepEqual(await sessions.of('ada').list(), [])
    }
  })
})
