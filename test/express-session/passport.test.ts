import assert from 'node:assert/strict'
import { test } from 'node:test'
import express from 'express'
import passport from 'passport'
import { Strategy as LocalStrategy } from 'passport-local'
import request from 'supertest'
import { both, cookieOf, type SessionFunction, sessionOf } from './both.ts'

interface User {
  readonly id: number
  readonly name: string
}
const USERS: readonly User[] = [
  { id: 1, name: 'ada' },
  { id: 2, name: 'grace' },
]

/** Passport as it is, with its own session manager. */
function application(session: SessionFunction) {
  const instance = new passport.Passport()
  instance.use(
    new LocalStrategy((username, password, done) => {
      const user = USERS.find(({ name }) => name === username)
      if (!user) done(null, false, { message: 'No such user' })
      else if (password !== 'right') done(null, false, { message: 'Wrong password' })
      else done(null, user, { message: `Welcome, ${user.name}` })
    }),
  )
  instance.serializeUser((user, done) => done(null, (user as User).id))
  instance.deserializeUser((id, done) => done(null, (USERS.find((user) => user.id === id) ?? false) as Express.User))

  const app = express().set('env', 'test')
  app.use(express.urlencoded({ extended: false }), session(), instance.session())
  const login = (options: passport.AuthenticateOptions) =>
    instance.authenticate('local', { failureRedirect: '/login', failureMessage: true, ...options })
  app.post('/login', login({ successReturnToOrRedirect: '/home', successMessage: true }))
  app.post('/login/keep', login({ successReturnToOrRedirect: '/home', successMessage: true, keepSessionInfo: true }))
  app.post('/logout', (request, response, next) => {
    request.logout({ keepSessionInfo: request.query.keep !== undefined }, (error) =>
      error ? next(error) : response.redirect('/'),
    )
  })
  app.get('/private', (request, response) => {
    if (request.isAuthenticated()) return response.send(`hello ${(request.user as User).name}`)
    sessionOf(request).returnTo = request.originalUrl
    response.redirect('/login')
  })
  app.get('/write', (request, response) => {
    sessionOf(request).basket = 'tea'
    response.send('written')
  })
  app.get('/me', (request, response) => {
    const { cookie: _, ...data } = sessionOf(request)
    response.json({ user: request.user ?? null, data })
  })
  return app
}

const credentials = (username: string, password = 'right') => `username=${username}&password=${password}`

both('Passport', (session) => {
  test('signs in, shows the user, and signs out', async () => {
    const agent = request.agent(application(session))
    await agent.post('/login').send(credentials('ada')).expect(302).expect('Location', '/home')
    const { body } = await agent.get('/me')
    assert.deepEqual(body, { user: USERS[0], data: { passport: { user: 1 } } })
    await agent.post('/logout').expect(302).expect('Location', '/')
    assert.deepEqual((await agent.get('/me')).body, { user: null, data: {} })
  })

  test('finds what it has saved behind a redirect', async () => {
    const agent = request.agent(application(session))
    await agent.post('/login').send(credentials('ada')).redirects(1)
    assert.equal((await agent.get('/private')).text, 'hello ada')
  })

  test('says what was wrong, in the messages of the session', async () => {
    const agent = request.agent(application(session))
    await agent.post('/login').send(credentials('nobody')).expect('Location', '/login')
    await agent.post('/login').send(credentials('ada', 'wrong')).expect('Location', '/login')
    const { user, data } = (await agent.get('/me')).body
    assert.deepEqual([user, data.messages], [null, ['No such user', 'Wrong password']])
  })

  test('leads back to the page that asked for a login, with keepSessionInfo', async () => {
    const agent = request.agent(application(session))
    await agent.get('/private?page=2').expect('Location', '/login')
    await agent.post('/login/keep').send(credentials('ada')).expect('Location', '/private?page=2')
    const { data } = (await agent.get('/me')).body
    assert.deepEqual(Object.keys(data).sort(), ['messages', 'passport'])
    await request.agent(application(session)).post('/login').send(credentials('ada')).expect('Location', '/home')
  })

  test('drops what was there before a login, and keeps it with keepSessionInfo', async () => {
    for (const [path, basket] of [
      ['/login', undefined],
      ['/login/keep', 'tea'],
    ] as const) {
      const agent = request.agent(application(session))
      await agent.get('/write')
      await agent.post(path).send(credentials('ada'))
      assert.equal((await agent.get('/me')).body.data.basket, basket)
      await agent.get('/write')
      await agent.post(path === '/login' ? '/logout' : '/logout?keep')
      assert.equal((await agent.get('/me')).body.data.basket, basket)
    }
  })

  test('gives a new cookie at a login, and a planted one opens nothing', async () => {
    const app = application(session)
    const planted = cookieOf(await request(app).get('/write'))
    const own = cookieOf(await request(app).post('/login').set('Cookie', planted).send(credentials('ada')))
    assert.notEqual(own, planted)
    assert.deepEqual((await request(app).get('/me').set('Cookie', planted)).body, { user: null, data: {} })
    assert.equal((await request(app).get('/me').set('Cookie', own)).body.user.name, 'ada')
  })

  test('a copy of the cookie opens nothing after the logout', async () => {
    const app = application(session)
    const copy = cookieOf(await request(app).post('/login').send(credentials('ada')))
    await request(app).post('/logout').set('Cookie', copy)
    assert.deepEqual((await request(app).get('/me').set('Cookie', copy)).body, { user: null, data: {} })
  })

  test('signs in another user over the one before', async () => {
    const agent = request.agent(application(session))
    await agent.post('/login').send(credentials('ada'))
    await agent.get('/write')
    await agent.post('/login').send(credentials('grace'))
    assert.deepEqual((await agent.get('/me')).body, { user: USERS[1], data: { passport: { user: 2 } } })
  })

  test('keeps two browsers apart', async () => {
    const app = application(session)
    const [ada, grace] = [request.agent(app), request.agent(app)]
    await Promise.all([ada.post('/login').send(credentials('ada')), grace.post('/login').send(credentials('grace'))])
    const seen = await Promise.all([ada.get('/private'), grace.get('/private')])
    assert.deepEqual(
      seen.map(({ text }) => text),
      ['hello ada', 'hello grace'],
    )
  })
})
