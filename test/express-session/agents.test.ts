import assert from 'node:assert/strict'
import { test } from 'node:test'
import cookieParser from 'cookie-parser'
import express from 'express'
import request from 'supertest'
import { both, cookieOf, type SessionFunction, sessionOf } from './both.ts'

function application(session: SessionFunction, ...before: express.RequestHandler[]) {
  const app = express().set('env', 'test')
  app.use(...before, session())
  app.get('/count', (request, response) => {
    sessionOf(request).count = Number(sessionOf(request).count ?? 0) + 1
    response.json(sessionOf(request).count)
  })
  app.get('/cookies', (request, response) => {
    response.cookie('plain', '1').cookie('signed', '2', { signed: true })
    sessionOf(request).seen = true
    response.send('set')
  })
  app.get('/read', (request, response) => {
    response.json({ plain: request.cookies.plain, signed: request.signedCookies.signed, seen: sessionOf(request).seen })
  })
  app.get('/logout', (request, response) => {
    request.session.destroy(() => response.send('ended'))
  })
  return app
}

const count = async (agent: { get(path: string): request.Test }) => (await agent.get('/count')).body

both('agents of supertest', (session) => {
  test('keep the cookie over plain http', async () => {
    const agent = request.agent(application(session))
    assert.deepEqual([await count(agent), await count(agent), await count(agent)], [1, 2, 3])
  })

  test('are visitors of their own', async () => {
    const app = application(session)
    const [one, two] = [request.agent(app), request.agent(app)]
    assert.deepEqual([await count(one), await count(one), await count(two)], [1, 2, 1])
    assert.equal(await count(request(app) as never), 1)
  })

  test('begin again after a logout', async () => {
    const agent = request.agent(application(session))
    await count(agent)
    await agent.get('/logout')
    assert.equal(await count(agent), 1)
  })

  test('count correctly in parallel where one waits for the other', async () => {
    const agent = request.agent(application(session))
    for (let i = 1; i <= 10; i++) assert.equal(await count(agent), i)
  })
})

both('cookie-parser before the session', (session) => {
  for (const [what, secret] of [
    ['the same', 'a secret of thirty-two bytes or more'],
    ['another', 'another secret of the application'],
  ] as const)
    test(`with ${what} secret changes nothing, and has cookies of its own`, async () => {
      const agent = request.agent(application(session, cookieParser(secret)))
      assert.deepEqual([await count(agent), await count(agent)], [1, 2])
      await agent.get('/cookies')
      assert.deepEqual((await agent.get('/read')).body, { plain: '1', signed: '2', seen: true })
      assert.equal(await count(agent), 3)
    })

  test('opens no session that is none', async () => {
    const app = application(session, cookieParser('a secret of thirty-two bytes or more'))
    const cookie = cookieOf(await request(app).get('/count'))
    for (const wrong of [`${cookie.slice(0, -4)}AAAA`, 'connect.sid=s:made.up'])
      assert.equal((await request(app).get('/count').set('Cookie', wrong)).body, 1)
    assert.equal((await request(app).get('/count').set('Cookie', cookie)).body, 2)
  })
})
