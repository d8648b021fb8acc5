import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { studio } from '@strongroom/studio'
import { figures } from '../../packages/strongroom/src/figures/figures.ts'
import { createSessions, type Sessions } from '../../packages/strongroom/src/sessions.ts'
import { type PostgresServer, postgresNeed, startPostgres } from '../servers/postgres.ts'
import { SECRET, serving, signIn } from './browserless.ts'

type Ending = { after(done: () => unknown): void }

suite('a store that goes away while the studio runs', { skip: postgresNeed.skip, timeout: 240_000 }, () => {
  let server: PostgresServer
  let sessions: Sessions
  before(async () => {
    server = await startPostgres()
    const store = `${server.url}?createTable=true`
    sessions = createSessions({ store, secrets: SECRET, sweep: false, storeTimeout: '1s' })
    for (const user of ['42', '42', '43']) await signIn(sessions, user)
  })
  after(async () => {
    await sessions?.close()
    await server?.stop()
  })

  async function open(t: Ending) {
    const events: string[] = []
    const counted = figures(sessions, { calls: false, readOnly: true })
    t.after(() => counted.close())
    const on = ({ type }: { type: string }) => events.push(type)
    const board = studio(sessions, { guard: () => true, write: true, figures: counted, on })
    return { site: await serving(t, board.node), events }
  }

  test('is what the pages say that need it, with a way to try again; the others are there, and all are when it is back', async (t) => {
    const { site, events } = await open(t)
    await server.kill()
    const { status, text } = await site.get('/studio/sessions?user=42&older=1.AAAAAAAAAAAAAAAA')
    assert.equal(status, 503)
    assert.match(text, /The store failed.*PostgreSQL cannot be reached/s)
    assert.match(text, /href="\/studio\/sessions\?user=42&amp;older=1.AAAAAAAAAAAAAAAA">Try again</)
    assert.equal((await site.get('/studio/sessions?handle=AAAAAAAAAAAAAAAA')).status, 503)
    for (const path of ['', '/sessions', '/everybody'])
      assert.equal((await site.get(`/studio${path}`)).status, 200, path)
    assert.match((await site.get('/studio/figures')).text, /role="alert" id="problem">PostgreSQL cannot be reached/)
    assert.match(JSON.parse((await site.get('/studio/figures.json')).text).problem, /cannot be reached/)
    assert.deepEqual(events, ['failed', 'failed'])
    await server.start()
    assert.match((await site.get('/studio/sessions?user=42')).text, /2 live sessions/)
    assert.equal(JSON.parse((await site.get('/studio/figures.json')).text).problem, null)
  })

  test('is no reason to say that nothing was ended: that is not known, and where to look is', async (t) => {
    const { site, events } = await open(t)
    await server.kill()
    for (const [path, fields, where] of [
      ['/sessions/end-all', { user: '%3Cb%3E' }, '/studio/sessions\\?user=%3Cb%3E'],
      ['/sessions/end', { handle: 'A'.repeat(16) }, '/studio/sessions'],
    ] as const) {
      const { status, text } = await site.post(`/studio${path}`, fields)
      assert.equal(status, 503)
      assert.match(text, new RegExp(`It is not known whether anything was ended. <a href="${where}">Look</a>`))
      assert.doesNotMatch(text, /Try again/)
    }
    assert.deepEqual(events, ['failed', 'failed'])
    await server.start()
  })

  test('and does not answer costs a page the time limit of the store, and a search goes on when it answers again', async (t) => {
    const { site } = await open(t)
    const [device] = await sessions.of('43').list()
    const path = `/studio/sessions?handle=${device?.handle}`
    server.pause()
    assert.equal((await site.get('/studio')).status, 200)
    const answers = await Promise.all([site.get('/studio/sessions?user=42'), site.get(path)])
    assert.match(answers[0].text, /did not answer within/)
    server.resume()
    let { text } = await site.get(path)
    // The one that was under way may fail, as the page then says; the next one does not.
    for (let i = 0; i < 20 && !/One session</.test(text); i++) text = (await site.get(path)).text
    assert.match(text, /One session</)
  })
})
