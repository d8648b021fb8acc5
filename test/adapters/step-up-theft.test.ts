import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { FreshLoginRequiredError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { http1 } from '../../packages/strongroom/src/testing/adapter/client.ts'
import { Visitor } from '../../packages/strongroom/src/testing/adapter/visitor.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { REVOCABLE } from '../core/fixtures/engines.ts'
import { secret } from '../core/fixtures/secret.ts'
import { running } from './site.ts'

const MINUTE = 60_000
const CODE = '492039'

type Sessions = ReturnType<typeof createSessions<Record<string, unknown>>>

/** A bank: reading needs a login, and a payout a code that is at most five minutes old. */
async function bank(t: TestContext, sessions: Pick<Sessions, 'get' | 'attach' | 'open'>) {
  const listener = withSessions(sessions as Sessions, async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://bank')
    const session = await sessions.get(request)
    try {
      if (pathname === '/login') session.login('ada', { method: 'password' })
      if (pathname === '/payout') session.requireFresh('5m', { level: 2 })
      if (pathname === '/confirm' && session.userId !== null && searchParams.get('code') === CODE)
        session.stepUp({ method: 'totp', level: 2 })
      response.end(JSON.stringify({ user: session.userId }))
    } catch (error) {
      if (!(error instanceof FreshLoginRequiredError)) throw error
      response.statusCode = error.status
      response.end(JSON.stringify(error))
    }
  })
  const { url, visitor: ada } = await running(t, listener)
  const client = http1(url)
  t.after(() => client.close())
  return { ada, thief: new Visitor(client) }
}

for (const name of [...Object.keys(REVOCABLE), 'bare cookie'])
  suite(`a thief with a copy of the cookie, on ${name}`, () => {
    test('gets no further than the page that asks for a code, before and after its owner has typed one', async (t) => {
      const make = REVOCABLE[name]
      const clock = make ? null : manualClock()
      const app = make?.()
      const bare = clock && createSessions({ secrets: secret('bare'), store: 'cookie:', clock })
      const sessions = (app?.sessions ?? bare ?? assert.fail()) as unknown as Sessions
      const time = app?.clock ?? clock ?? assert.fail()
      const { ada, thief } = await bank(t, sessions)
      await ada.must('/login')
      const copied = ada.jar.header() ?? ''
      const asThief = async (path: string) => {
        const { status, text } = await thief.ask(path, { cookie: copied })
        const { user, reason } = JSON.parse(text)
        return [status, user ?? reason ?? null]
      }
      assert.deepEqual(await asThief('/account'), [200, 'ada'])
      assert.deepEqual(await asThief('/payout'), [401, 'level'])
      await asThief('/confirm?code=000000')
      assert.deepEqual(await asThief('/payout'), [401, 'level'])

      await ada.must(`/confirm?code=${CODE}`)
      await ada.must('/payout')
      // Its copy is from before the code, and where nothing is stored it opens what it opened then.
      assert.deepEqual(await asThief('/account'), [200, make ? null : 'ada'])
      assert.deepEqual(await asThief('/payout'), [401, make ? 'anonymous' : 'level'])

      // A copy of the new cookie is good for a payout until the code is too old.
      const again = ada.jar.header() ?? ''
      assert.equal((await thief.ask('/payout', { cookie: again })).status, 200)
      time.advance(5 * MINUTE + 1)
      assert.equal((await thief.ask('/payout', { cookie: again })).status, 401)
      assert.equal((await ada.ask('/payout')).status, 401)
      await ada.must('/account')
    })
  })
