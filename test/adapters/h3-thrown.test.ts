import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { H3, HTTPResponse } from 'h3'
import { strongroom } from '../../packages/strongroom/src/adapters/h3.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { secret } from '../core/fixtures/secret.ts'

/** What a handler throws after a login, and what h3 makes of it. */
const THROWN: Readonly<Record<string, { thrown: unknown; status: number }>> = {
  'a Response of 303': { thrown: new Response(null, { status: 303 }), status: 500 },
  'an object with a status of 400': { thrown: { status: 400 }, status: 500 },
  'a string': { thrown: 'no', status: 500 },
  'the number 404': { thrown: 404, status: 404 },
  'an error with a status of 404': { thrown: Object.assign(new Error('no'), { status: 404 }), status: 404 },
  'an error with two statuses': {
    thrown: Object.assign(new Error('no'), { status: 404, statusCode: 500 }),
    status: 404,
  },
  'an error whose cause has a status of 404': { thrown: new Error('no', { cause: { status: 404 } }), status: 404 },
}

/** What a handler returns after a login. */
const RETURNED: Readonly<Record<string, () => unknown>> = {
  text: () => 'saved',
  'a Response': () => new Response('saved'),
  'a Response of 404': () => new Response('saved', { status: 404 }),
  'an HTTPResponse': () => new HTTPResponse('saved'),
}

async function responseTo(app: H3, finish: () => unknown) {
  const sessions = createSessions({ store: 'memory:', secrets: secret('h3'), sweep: false })
  app.use(strongroom(sessions)).get('/', async (event) => {
    ;(await sessions.get(event)).login('ada')
    return finish()
  })
  const response = await app.request('/')
  const saved = (await sessions.of('ada').list()).length
  await sessions.close()
  return { status: response.status, cookies: response.headers.getSetCookie().length, saved }
}

suite('h3 2, where it makes the response itself', () => {
  for (const [what, { thrown, status }] of Object.entries(THROWN))
    test(`after ${what} was thrown, it saves by the status that the visitor sees, and sends the cookie`, async () => {
      const saved = status < 500 ? 1 : 0
      const response = responseTo(new H3({ silent: true }), () => {
        throw thrown
      })
      assert.deepEqual(await response, { status, cookies: saved, saved })
    })

  for (const [what, returned] of Object.entries(RETURNED)) {
    test(`${what} has the cookie once`, async () => {
      const { cookies } = await responseTo(new H3(), returned)
      assert.equal(cookies, 1)
    })

    test(`a middleware around it that fails after ${what} was returned does not lose the cookie`, async () => {
      const app = new H3({ silent: true }).use(async (_event, next) => {
        await next()
        throw new Error('too late')
      })
      assert.deepEqual(await responseTo(app, returned), { status: 500, cookies: 1, saved: 1 })
    })
  }
})
