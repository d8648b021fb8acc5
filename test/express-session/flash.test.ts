import assert from 'node:assert/strict'
import { test } from 'node:test'
import connectFlash from 'connect-flash'
import express from 'express'
import expressFlash from 'express-flash'
import request from 'supertest'
import { both, type SessionFunction } from './both.ts'

function application(session: SessionFunction, flash: express.RequestHandler) {
  const app = express().set('env', 'test')
  app.use(session(), flash)
  app.engine('json', (_path, locals, done) => done(null, JSON.stringify((locals as { messages: unknown }).messages)))
  app.set('view engine', 'json').set('views', new URL('../..', import.meta.url).pathname)
  app.get('/add/:type/:message', (request, response) => {
    const { type, message } = request.params
    response.json(request.flash(type, message.includes(',') ? message.split(',') : message))
  })
  app.get('/format', (request, response) => {
    request.flash('info', 'sent to %s', 'Ada')
    response.redirect('/all')
  })
  app.get('/both', (request, response) => {
    request.flash('info', 'now')
    response.json(request.flash('info'))
  })
  app.get('/of/:type', (request, response) => void response.json(request.flash(request.params.type)))
  app.get('/all', (request, response) => void response.json(request.flash()))
  app.get('/page', (_request, response) => response.render('package'))
  return app
}

for (const [name, flash] of [
  ['connect-flash', connectFlash],
  ['express-flash', expressFlash],
] as const)
  both(name, (session) => {
    const agentOf = () => request.agent(application(session, flash()))

    test('shows a message behind a redirect, once', async () => {
      const agent = agentOf()
      const { text } = await agent.get('/format').redirects(1)
      assert.equal(text, '{"info":["sent to Ada"]}')
      assert.equal((await agent.get('/all')).text, '{}')
    })

    test('adds messages over several requests, and takes those of one type', async () => {
      const agent = agentOf()
      assert.equal((await agent.get('/add/info/one')).text, '1')
      assert.equal((await agent.get('/add/info/two')).text, '2')
      assert.equal((await agent.get('/add/error/bad')).text, '1')
      assert.equal((await agent.get('/add/info/three,four')).text, '4')
      assert.deepEqual((await agent.get('/of/info')).body, ['one', 'two', 'three', 'four'])
      assert.deepEqual((await agent.get('/of/info')).body, [])
      assert.deepEqual((await agent.get('/all')).body, { error: ['bad'] })
    })

    test('shows a message in the request that has added it', async () => {
      const agent = agentOf()
      assert.deepEqual((await agent.get('/both')).body, ['now'])
      assert.deepEqual((await agent.get('/all')).body, {})
    })

    if (name === 'express-flash')
      test('has the messages in the locals of a page', async () => {
        const agent = agentOf()
        await agent.get('/add/info/one')
        assert.equal((await agent.get('/page')).text, '{"info":["one"]}')
        assert.equal((await agent.get('/page')).text, '{}')
      })
  })
