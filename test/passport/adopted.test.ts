import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import express from 'express'
import expressSession from 'express-session'
import passport from 'passport'
import { expressSession as source } from '../../packages/strongroom/src/adoption/express-session.ts'
import { running } from '../adapters/site.ts'
import { site, type User } from './site.ts'

const SECRET = 'the secret of express-session'
const DAY = 86_400_000

/** An application with express-session, in which everybody is signed in as Ada, with a basket. */
function applicationOfBefore(store: expressSession.MemoryStore) {
  const instance = new passport.Passport()
  instance.serializeUser((user, done) => done(null, (user as User).id))
  const app = express().set('env', 'test')
  app.use(expressSession({ store, secret: SECRET, resave: false, saveUninitialized: false }), instance.initialize())
  return app.get('/', (request, response) => {
    request.login({ id: 7 } as Express.User, () => {
      Object.assign(request.session, { basket: 'tea' })
      response.send('signed in')
    })
  })
}

for (const [over, dropIn] of [
  ['strongroom(sessions)', false],
  ['strongroom/express-session', true],
] as const)
  suite(`a visitor whom Passport has signed in with express-session, and who comes to ${over}`, {
    timeout: 20_000,
  }, () => {
    test('is signed in, in the list of the user, and signs out', async (t) => {
      const store = new expressSession.MemoryStore()
      const before = await running(t, applicationOfBefore(store))
      await before.visitor.must('/')
      const old = before.visitor.jar.value('connect.sid') ?? ''
      const { visitor, me, sessions } = await site(t, {
        dropIn,
        sessions: { adoptFrom: source({ store: store as never, secret: SECRET, until: new Date(Date.now() + DAY) }) },
      })
      visitor.jar.plant('connect.sid', old)
      assert.deepEqual(await me(), { user: { id: 7 }, data: { passport: { user: 7 }, basket: 'tea' } })
      assert.equal((await sessions.of('7').list()).length, 1)
      await visitor.ask('/logout', { method: 'POST' })
      assert.deepEqual(await sessions.of('7').list(), [])
      assert.deepEqual(await me(`connect.sid=${old}`), { user: null, data: {} })
    })
  })
