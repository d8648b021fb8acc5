import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'
import { bearer, createSessions } from '../../packages/strongroom/src/index.ts'
import type { SessionsOptions } from '../../packages/strongroom/src/options.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import * as worker from '../../packages/strongroom/src/worker.ts'
import { secret } from './fixtures/secret.ts'

const secrets = secret('a')
const MINUTE = 60_000

const open = (options: Readonly<Record<string, unknown>>) =>
  createSessions({ secrets, store: memory(), ...(options as SessionsOptions) })

const refusal = (message: RegExp) => (error: unknown) => error instanceof ConfigError && message.test(error.message)

describe('renewEvery, renewGrace and onReuse', () => {
  it('have defaults, and are in the policy in milliseconds', () => {
    for (const options of [{}, { renewEvery: null }]) assert.equal(open(options).policy.renewal, null)
    assert.deepEqual(open({ renewEvery: '15m' }).policy.renewal, {
      every: 15 * MINUTE,
      grace: MINUTE / 2,
      onReuse: 'report',
    })
    assert.deepEqual(open({ renewEvery: MINUTE, renewGrace: '59s', onReuse: 'end' }).policy.renewal, {
      every: MINUTE,
      grace: 59_000,
      onReuse: 'end',
    })
    assert.equal(
      open({ renewEvery: '10d', absolute: '12h', remember: '30d' }).policy.renewal?.every,
      10 * 24 * 60 * MINUTE,
    )
  })

  it('are refused when they are no durations, too short, or too long, with what to write', () => {
    for (const given of ['15', 0, -1, Number.NaN, true, '401d'])
      assert.throws(() => open({ renewEvery: given }), refusal(/^renewEvery must be above 0/), String(given))
    for (const given of ['59s', 15, 59_999])
      assert.throws(() => open({ renewEvery: given }), refusal(/at least '1m'.*Write '15m'; a number is milliseconds/))
    assert.throws(() => open({ renewEvery: '14d' }), refusal(/not shorter than absolute and remember/))
    for (const given of ['x', 0, null, false])
      assert.throws(() => open({ renewEvery: '15m', renewGrace: given }), refusal(/^renewGrace must be above 0/))
    for (const [renewEvery, renewGrace] of [
      ['1m', '1m'],
      ['15m', '601s'],
    ])
      assert.throws(
        () => open({ renewEvery, renewGrace }),
        refusal(/renewGrace must be at most '10m', and shorter than renewEvery/),
      )
    for (const onReuse of ['kill', true, null, ''])
      if (onReuse === null) assert.equal(open({ renewEvery: '15m', onReuse }).policy.renewal?.onReuse, 'report')
      else assert.throws(() => open({ renewEvery: '15m', onReuse }), refusal(/onReuse must be one of: report, end/))
  })

  it('are never accepted and ignored: without renewEvery, the others are refused', () => {
    assert.throws(() => open({ renewGrace: '30s' }), refusal(/^renewGrace needs renewEvery/))
    assert.throws(() => open({ onReuse: 'end' }), refusal(/^onReuse needs renewEvery/))
  })

  it('are refused for sessions in cookies, with or without revocations, and for those with the format of another framework', () => {
    const other = { kind: 'backing', traits: memory().traits } as unknown as SessionsOptions['store']
    for (const store of [cookie(), 'cookie:', cookie({ revocations: memory() }), other])
      assert.throws(
        () => open({ store, renewEvery: '15m' }),
        refusal(/renewEvery is for sessions in a store.*Leave it out, or use sqlite/),
      )
  })

  it('are refused in a Worker, each of them', () => {
    for (const options of [{ renewEvery: '15m' }, { renewGrace: '30s' }, { onReuse: 'end' }] as SessionsOptions[])
      assert.throws(
        () => worker.createSessions({ secrets, store: cookie(), ...options } as SessionsOptions),
        refusal(/createSessions from 'strongroom\/stores'/),
      )
  })
})

describe('renewEvery with bearer tokens', () => {
  it('sends the new token in the response header, and the old one is over as that of a cookie is', async () => {
    const clock = manualClock()
    const sessions = createSessions<Record<string, unknown>>({
      secrets,
      store: memory({ clock }),
      clock,
      transport: bearer(),
      namespace: 'app',
      renewEvery: '15m',
    })
    const request = async (token: string | null, login = false) => {
      const visit = sessions.open(token === null ? {} : { authorization: `Bearer ${token}` })
      const session = await visit.get()
      if (login) session.login('ada')
      const { headers = [] } = await visit.commit()
      await new Promise(setImmediate)
      return { userId: session.userId, sent: headers[0]?.[1] ?? null }
    }
    const { sent: first } = await request(null, true)
    clock.advance(15 * MINUTE)
    const { sent: second } = await request(first)
    assert.ok(second && second !== first)
    // A client that was killed before it had stored the new token.
    assert.deepEqual(await request(first), { userId: 'ada', sent: second })
    assert.deepEqual(await request(second), { userId: 'ada', sent: null })
    assert.deepEqual(await request(first), { userId: 'ada', sent: null })
    clock.advance(MINUTE / 2)
    assert.deepEqual(await request(first), { userId: null, sent: null })
    assert.deepEqual(await request(second), { userId: 'ada', sent: null })
  })
})
