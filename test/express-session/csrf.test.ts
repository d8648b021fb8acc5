import assert from 'node:assert/strict'
import { test } from 'node:test'
import cookieParser from 'cookie-parser'
import { doubleCsrf } from 'csrf-csrf'
import { csrfSync } from 'csrf-sync'
import express from 'express'
import request from 'supertest'
import { both, type SessionFunction, sessionOf } from './both.ts'

interface Protection {
  readonly before: express.RequestHandler[]
  readonly check: express.RequestHandler
  token(request: express.Request, response: express.Response): string
}

function synchronised(): Protection {
  const { generateToken, csrfSynchronisedProtection } = csrfSync()
  return { before: [], check: csrfSynchronisedProtection, token: (request) => generateToken(request) }
}

function doubled(): Protection {
  const { generateCsrfToken, doubleCsrfProtection } = doubleCsrf({
    getSecret: () => 'a secret of csrf-csrf',
    getSessionIdentifier: ({ session }) => session.id,
    cookieName: 'csrf',
    cookieOptions: { secure: false, sameSite: 'lax' },
  })
  return { before: [cookieParser()], check: doubleCsrfProtection, token: generateCsrfToken }
}

function application(session: SessionFunction, { before, check, token }: Protection) {
  const app = express().set('env', 'test')
  app.use(session(), ...before)
  app.get('/form', (request, response) => {
    // Without data, express-session keeps no session, and the next request has another id.
    sessionOf(request).seen = true
    response.send(token(request, response))
  })
  app.post('/login', check, (request, response) => {
    request.session.regenerate(() => {
      sessionOf(request).user = 'ada'
      response.send('signed in')
    })
  })
  app.post('/change', check, (request, response) => {
    sessionOf(request).changes = Number(sessionOf(request).changes ?? 0) + 1
    response.json(sessionOf(request).changes)
  })
  const onError: express.ErrorRequestHandler = (error, _request, response, _next) => {
    response.status(error.status ?? error.statusCode ?? 500).send(error.code)
  }
  return app.use(onError)
}

for (const [name, protection] of [
  ['csrf-sync', synchronised],
  ['csrf-csrf', doubled],
] as const)
  both(name, (session) => {
    const header = 'x-csrf-token'

    test('lets a request with the token of its session pass, again and again', async () => {
      const agent = request.agent(application(session, protection()))
      const { text: token } = await agent.get('/form')
      for (const count of [1, 2, 3]) {
        const { body } = await agent.post('/change').set(header, token).expect(200)
        assert.equal(body, count)
      }
    })

    test('refuses one without a token, with a wrong one, and with that of another session', async () => {
      const app = application(session, protection())
      const [own, other] = [request.agent(app), request.agent(app)]
      await own.get('/form')
      const { text: foreign } = await other.get('/form')
      await own.post('/change').expect(403)
      await own.post('/change').set(header, 'wrong').expect(403)
      await own.post('/change').set(header, foreign).expect(403)
      await other.post('/change').set(header, foreign).expect(200)
    })

    test('refuses the token of before after a login, and takes the one of after it', async () => {
      const agent = request.agent(application(session, protection()))
      const { text: before } = await agent.get('/form')
      await agent.post('/login').set(header, before).expect(200)
      await agent.post('/change').set(header, before).expect(403)
      const { text: after } = await agent.get('/form')
      await agent.post('/change').set(header, after).expect(200)
    })
  })
