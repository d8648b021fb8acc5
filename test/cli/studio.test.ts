import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, suite, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { figures } from '../../packages/strongroom/src/figures/figures.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { postgresNeed, startPostgres } from '../servers/postgres.ts'
import { cookiesOf, siteOf } from '../studio/browserless.ts'
import { labReport } from '../studio/panels.ts'
import { main, Project, SECRET } from './project.ts'

type Ending = { after(done: () => unknown): void }

suite('strongroom studio', () => {
  let project: Project
  before(async () => {
    project = new Project()
    project.writeConfig('sqlite:./sessions.db')
    await project.fill((clock) => sqlite({ path: project.path('sessions.db'), clock }), { user: 'ada', count: 2 })
  })
  after(() => project.remove())

  /** Starts it, and resolves when it has printed its link. */
  async function start(
    t: Ending,
    args: readonly string[],
  ): Promise<{ child: ChildProcess; printed: string; err: () => string }> {
    const { NODE_ENV: _, ...env } = process.env
    const child = spawn(process.execPath, [main, 'studio', ...args], { cwd: project.dir, env })
    t.after(() => child.kill('SIGKILL'))
    let [printed, err] = ['', '']
    child.stderr.on('data', (text) => (err += text))
    const ended = once(child, 'exit').then(() => assert.fail(err))
    ended.catch(() => undefined)
    while (!/\/open\/[\w-]{43}/.test(printed))
      printed += String((await Promise.race([once(child.stdout, 'data'), ended]))[0])
    return { child, printed, err: () => err }
  }

  test('prints a link that opens it once, is read-only, and ends with Ctrl-C', async (t) => {
    const { child, printed } = await start(t, ['--title', 'shop, production'])
    assert.match(
      printed,
      /^Strongroom studio, shop, production, read-only:\n\n {2}http:\/\/127\.0\.0\.1:\d+\/[\w-]{22}\/open\/[\w-]{43}\n/,
    )
    const link = new URL(/http:\S+/.exec(printed)?.[0] ?? '')
    const site = siteOf(link.href)
    const cookie = cookiesOf(await site.get(link.pathname))
    const { text } = await site.get('/sessions?user=ada', { cookie })
    assert.match(text, /2 live sessions.*Firefox on Linux/s)
    assert.match(text, /shop, production/)
    assert.match((await site.get('/figures', { cookie })).text, /The studio is read-only, and adds nothing/)
    assert.equal((await site.post('/sessions/end-all', { user: 'ada' }, { cookie })).status, 403)
    assert.equal((await site.get(link.pathname)).status, 410)
    const exited = once(child, 'exit')
    child.kill('SIGINT')
    assert.deepEqual(await exited, [0, null])
  })

  test('ends with the terminal that it was started on', async (t) => {
    const { child } = await start(t, [])
    const exited = once(child, 'exit')
    child.kill('SIGHUP')
    assert.deepEqual(await exited, [0, null])
  })

  test('with --write it ends sessions, and says on stderr which', async (t) => {
    const { printed, err, child } = await start(t, ['--write', '--json'])
    const { link, write } = JSON.parse(printed)
    assert.equal(write, true)
    const site = siteOf(link)
    const cookie = cookiesOf(await site.get(new URL(link).pathname))
    const { headers } = await site.post('/sessions/end-all', { user: 'ada' }, { cookie })
    assert.match(headers.location ?? '', /^\/[\w-]{22}\/sessions\?user=ada&done=all&count=2#done$/)
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await exited
    assert.match(err(), /^strongroom: ended all sessions of a user: 2\.$/m)
    assert.doesNotMatch(err(), /ada/)
  })

  test('its own store calls are not in the figures, and without --write it writes nothing to the store', async (t) => {
    await project.fill((clock) => sqlite({ path: project.path('sessions.db'), clock }), { user: 'grace', count: 2 })
    /** What the history in the store says. */
    const history = async () => {
      const store = sqlite({ path: project.path('sessions.db') })
      const sessions = createSessions({ store, secrets: SECRET })
      const { month } = await figures(sessions, { calls: false, readOnly: true }).snapshot()
      await store.close()
      return month.total
    }
    /** Looks at pages, and ends the sessions of a user if it may. */
    const use = async (...args: string[]) => {
      const { printed, child } = await start(t, ['--json', ...args])
      const { link } = JSON.parse(printed)
      const site = siteOf(link)
      const cookie = cookiesOf(await site.get(new URL(link).pathname))
      let text = ''
      // It looks when it starts, without anybody who waits for it.
      while (!/id="count-live">\d/.test(text)) text = (await site.get('/figures', { cookie })).text
      await site.get('/sessions?user=grace', { cookie })
      await site.post('/sessions/end-all', { user: 'grace' }, { cookie })
      const exited = once(child, 'exit')
      child.kill('SIGINT')
      assert.deepEqual(await exited, [0, null])
    }
    const before = await history()
    await use()
    assert.deepEqual(await history(), before)
    await use('--write')
    const { counts, calls, live } = await history()
    assert.equal(counts['ended.revoke-all'], (before.counts['ended.revoke-all'] ?? 0) + 2)
    assert.deepEqual(calls, before.calls)
    assert.ok(live !== null)
  })

  test('with a URL it says in which namespace it looks, and ends with Ctrl-C although the store has gone away', {
    skip: postgresNeed.skip,
  }, async (t) => {
    const server = await startPostgres()
    t.after(() => server.stop())
    const sessions = createSessions({ store: `${server.url}?createTable=true`, secrets: SECRET })
    await sessionFor(sessions, { userId: 'ada' })
    await sessions.close()
    const { printed, child, err } = await start(t, ['--json', '--write', '--store', server.url])
    assert.equal(err(), 'strongroom: in the namespace __Host-id; --namespace names another.\n')
    const { link } = JSON.parse(printed)
    const site = siteOf(link)
    const cookie = cookiesOf(await site.get(new URL(link).pathname))
    assert.match((await site.get('/', { cookie })).text, /does not say which cookie, seal and deadlines/)
    await site.post('/sessions/end-all', { user: 'ada' }, { cookie })
    await server.kill()
    assert.equal((await site.get('/sessions?user=ada', { cookie })).status, 503)
    const exited = once(child, 'exit')
    child.kill('SIGINT')
    assert.deepEqual(await exited, [0, null])
    assert.match(err(), /^strongroom: what was ended here is not in the figures: PostgreSQL cannot be reached/m)
  })

  test('says when it starts that the store cannot be reached', async (t) => {
    const { err } = await start(t, ['--json', '--store', 'redis://127.0.0.1:1'])
    for (let waited = 0; !/looked at/.test(err()) && waited < 200; waited++) await wait(100)
    assert.match(err(), /^strongroom: the store could not be looked at: Redis cannot be reached/m)
  })

  test('--lab shows a report; a file that is none is refused, with what is wrong', async (t) => {
    project.write('lab.json', JSON.stringify(labReport()))
    const { printed } = await start(t, ['--lab', 'lab.json', '--json'])
    const { link } = JSON.parse(printed)
    const site = siteOf(link)
    const cookie = cookiesOf(await site.get(new URL(link).pathname))
    assert.match((await site.get('/lab', { cookie })).text, /60 of 70 promises held, 10 not run/)
    for (const [text, why] of [
      ['{', /lab\.json is not JSON/],
      ['{"format":2}', /is not what strongroom lab --json of this version prints/],
      ['{"format":1,"rows":[]}', /is not a whole report/],
    ] as const) {
      project.write('lab.json', text)
      const { code, err } = await project.run(['studio', '--lab', 'lab.json'])
      assert.equal(code, 2)
      assert.match(err, why)
    }
  })

  test('the advisor and the doctor are those of the commands', async (t) => {
    const { printed } = await start(t, ['--json'])
    const { link } = JSON.parse(printed)
    const site = siteOf(link)
    const cookie = cookiesOf(await site.get(new URL(link).pathname))
    const advised = await site.get('/advisor?answered=&properties=durable&servers=1&lifetime=12h&sessions=1000', {
      cookie,
    })
    assert.equal(advised.status, 200)
    assert.match(advised.text, /<\/span> sqlite, two-key<\/h3>/)
    assert.match(advised.text, /store: &#39;sqlite:|store: 'sqlite:|sqlite:\.\//)
    const wrong = await site.get('/advisor?answered=&properties=durable&lifetime=soon', { cookie })
    assert.equal(wrong.status, 400)
    assert.match(wrong.text, /It must be a duration, such as 90s/)
    await site.get('/doctor/examine', { cookie })
    let text = ''
    while (!/Examined/.test(text)) text = (await site.get('/doctor', { cookie })).text
    assert.match(text, /sqlite-journal|journal/)
    assert.doesNotMatch(text, /Vb1rj9S0yT3/)
  })

  test('what it cannot serve is refused before it listens', async () => {
    for (const [args, why] of [
      [['--port', 'http'], /A port is a whole number from 0 to 65535/],
      [['--port', '65536'], /A port is a whole number/],
      [['--store', 'memory:'], /belongs to one process/],
      [['--host', '0.0.0.0'], /unknown option '--host'/],
    ] as const) {
      const { code, err } = await project.run(['studio', ...args])
      assert.equal(code, 2, err)
      assert.match(err, why)
    }
  })
})
