import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { expressFromUrl } from '../../packages/cli/src/express/url.ts'
import { expressSession } from '../../packages/strongroom/src/adoption/express-session.ts'
import { destroyIn, getFrom, setIn } from '../../packages/strongroom/src/base/connect.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'
import dropIn from '../../packages/strongroom/src/express-session/session.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { RunningServer } from '../../packages/strongroom/src/testing/index.ts'
import { connectStorages, type OpenStore } from '../adapters/connect-stores.ts'
import { Browser, hold, oldApplication, SECRET } from '../adapters/express-session-site.ts'
import { listening } from '../adapters/serve.ts'
import { site } from '../express-session/site.ts'
import { main } from './project.ts'

const OURS = 'Vb1rj9S0yT3eLq7uXc5wPz8kNm2hGd4fAa6iOoQs0Kx'
const DAY = 86_400_000
const until = new Date(Date.now() + 30 * DAY)

async function move(args: readonly string[], cwd = tmpdir()) {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, 'move', ...args], {
    cwd,
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, STRONGROOM_SECRETS: OURS },
  })
  let [out, err] = ['', '']
  child.stdout.on('data', (data) => {
    out += data
  })
  child.stderr.on('data', (data) => {
    err += data
  })
  await once(child, 'close')
  assert.doesNotMatch(out + err, new RegExp(`${SECRET}|${OURS}`))
  return { code: child.exitCode, out, err }
}

const storages = connectStorages.filter(({ name }) => !/memory/i.test(name))

for (const { name, skip, open } of storages)
  suite(`strongroom move from express-session: ${name}`, { skip }, () => {
    let storage: OpenStore
    let old: RunningServer
    const folder = mkdtempSync(join(tmpdir(), 'strongroom-move-express-'))
    const to = (file: string) => `sqlite:${join(folder, file)}`

    before(async () => {
      storage = await open()
      old = await listening(createServer(oldApplication(storage.store, hold, { cookie: { maxAge: 3_600_000 } })))
    })
    after(async () => {
      await old?.close()
      await storage?.close()
      rmSync(folder, { recursive: true, force: true })
    })

    async function visitors(count: number) {
      const all: Browser[] = []
      for (let i = 0; i < count; i++) {
        const browser = new Browser()
        await browser.ask(old, `/login?user=user${i}`)
        all.push(browser)
      }
      return all
    }

    /** What a server with this library, and without the old store, finds for a visitor. */
    async function found(file: string, browser: Browser, secret = SECRET) {
      const store = sqlite({ path: join(folder, file) })
      const sessions = createSessions({
        store,
        secrets: OURS,
        sweep: false,
        adoptFrom: expressSession({ secret, until }),
      })
      const cookie = [...browser.cookies].map(([key, value]) => `${key}=${value}`).join('; ')
      const visit = sessions.open({ cookie })
      const session = await visit.get()
      const result = [session.userId, session.get('cart')]
      await visit.commit()
      await sessions.close()
      await store.close()
      return result
    }

    const sidOf = (browser: Browser) =>
      String(/^s:([^.]+)\./.exec(decodeURIComponent(String(browser.cookies.get('connect.sid'))))?.[1])

    test('copies are found without the old store, by the cookie that its secret signed; nothing is deleted', async () => {
      const all = await visitors(3)
      const from = String(storage.url)
      const dry = await move(['--from', from, '--to', to('copies.db'), '--dry-run', '--json'])
      assert.equal(dry.code, 0, dry.err)
      assert.partialDeepStrictEqual(JSON.parse(dry.out), { moved: 3, dryRun: true, deleted: false })
      const first = await move(['--from', from, '--to', to('copies.db'), '--page', '2', '--json'])
      assert.equal(first.code, 0, first.err)
      assert.partialDeepStrictEqual(JSON.parse(first.out), {
        moved: 3,
        compared: 3,
        existing: 0,
        gone: 0,
        malformed: 0,
      })
      const second = await move(['--from', from, '--to', to('copies.db'), '--json'])
      assert.equal(second.code, 0, second.err)
      const { moved, existing } = JSON.parse(second.out)
      assert.equal(moved + existing, 3)
      for (const browser of all) assert.notEqual(await getFrom(storage.store, sidOf(browser)), null)
      assert.deepEqual(await found('copies.db', all[0] as Browser, 'another secret'), [null, undefined])
      for (const [i, browser] of all.entries())
        assert.deepEqual(await found('copies.db', browser), [`user${i}`, ['tea']])
      for (const browser of all) await destroyIn(storage.store, sidOf(browser))
    })

    test('with --delete the sessions are here alone, and a second run finds nothing', async () => {
      const all = await visitors(2)
      const from = String(storage.url)
      const args = ['--from', from, '--to', to('moved.db'), '--delete', '--namespace', '__Host-id']
      const { code, out, err } = await move(args)
      assert.equal(code, 0, err)
      assert.match(out, /Moved 2 sessions from express-session \(.+\) to sqlite/)
      for (const browser of all) {
        assert.equal(await getFrom(storage.store, sidOf(browser)), null)
        assert.ok(!(out + err).includes(sidOf(browser)))
      }
      const second = await move(args)
      assert.equal(second.code, 0, second.err)
      assert.match(second.out, /Moved 0 sessions .*\n.*compare/s)
      for (const [i, browser] of all.entries())
        assert.deepEqual(await found('moved.db', browser), [`user${i}`, ['tea']])
    })

    test('what has expired, or is no session, is not moved, and the id of none is printed', async () => {
      const [malformed, expired] = ['malformed0malformed0malformed000', 'expired00expired00expired0000000']
      const life = (ms: number) => ({ originalMaxAge: 3_600_000, expires: new Date(Date.now() + ms).toISOString() })
      // Some stores refuse the first, or take the second for a deletion.
      const bad = { cookie: { ...life(3_600_000), expires: 'never' } }
      await setIn(storage.store, malformed, bad).catch(() => undefined)
      await setIn(storage.store, expired, { cookie: life(-1000) }).catch(() => undefined)
      const isThere = (await getFrom(storage.store, malformed)) !== null
      const { code, out, err } = await move(['--from', String(storage.url), '--to', to('bad.db'), '--json'])
      assert.partialDeepStrictEqual(JSON.parse(out), { moved: 0, failed: 0, malformed: isThere ? 1 : 0 })
      assert.equal(code, isThere ? 1 : 0, err)
      const sids = [malformed, expired]
      for (const sid of sids) assert.ok(!(out + err).includes(sid))
    })
  })

test('without its namespace, the drop-in would find nothing: a warning says so, and --delete is refused', async () => {
  const storage = await (storages[0] ?? assert.fail()).open()
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-move-namespace-'))
  const browser = new Browser()
  const old = await listening(createServer(oldApplication(storage.store, hold, { cookie: { maxAge: 3_600_000 } })))
  await browser.ask(old, '/login?user=ada')
  await old.close()
  const args = ['--from', String(storage.url), '--to', `sqlite:${join(folder, 'new.db')}`]
  try {
    const copied = await move(args)
    assert.equal(copied.code, 0, copied.err)
    assert.match(copied.err, /in the namespace __Host-id.*strongroom\/express-session has.*connect\.sid by default/)
    const refused = await move([...args, '--delete', '--yes'])
    assert.deepEqual([refused.code, refused.out], [2, ''])
    assert.match(refused.err, /--delete with --to needs --namespace: .*connect\.sid with strongroom\/express-session/)

    const moved = await move([...args, '--delete', '--namespace', 'connect.sid'])
    assert.deepEqual([moved.code, moved.err], [0, ''])
    assert.match(moved.out, /Moved 1 session/)
    const store = sqlite({ path: join(folder, 'new.db') })
    const options = { resave: false, saveUninitialized: false, cookie: { secure: false, sameSite: 'lax' } } as const
    const middleware = dropIn({ ...options, secret: OURS, store, adoptFrom: expressSession({ secret: SECRET, until }) })
    const next = await site((app) => {
      app.use(middleware)
      app.get('/me', (request, response) => void response.json(request.session))
    })
    const visitor = next.visitor()
    visitor.jar.plant('connect.sid', browser.cookies.get('connect.sid') ?? assert.fail())
    assert.partialDeepStrictEqual(await visitor.json('/me'), { passport: { user: 'ada' }, cart: ['tea'] })
    await store.close()
  } finally {
    await storage.close()
    rmSync(folder, { recursive: true, force: true })
  }
})

suite('strongroom move from a source of the config', () => {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-move-source-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  const module = (path: string) => JSON.stringify(pathToFileURL(join(import.meta.dirname, '../..', path)).href)

  /** A config whose source has the sessions of session-file-store, and says itself whose they are. */
  function config(file: string, source: string) {
    const text = `
import { createRequire } from 'node:module'
import session from ${module('node_modules/express-session/index.js')}
import { createSessions } from ${module('packages/strongroom/src/index.ts')}
import { expressSession, ironSession } from ${module('packages/strongroom/src/adoption/sources.ts')}
const FileStore = createRequire(import.meta.url)(${JSON.stringify(join(import.meta.dirname, '../../node_modules/session-file-store'))})(session)
const store = new FileStore({ path: ${JSON.stringify(join(folder, 'old'))}, logFn() {}, reapInterval: -1, retries: 0 })
const until = new Date(Date.now() + 86_400_000)
const common = { store, secret: 'keyboard cat', until }
export default createSessions({
  store: ${JSON.stringify(`sqlite:${join(folder, 'new.db')}`)},
  secrets: process.env.STRONGROOM_SECRETS,
  ${source},
})
export const old = store
`
    writeFileSync(join(folder, file), text)
    return join(folder, file)
  }

  test('its own userId says whose they are, and --delete ends them in the old store', async () => {
    const path = config(
      'strongroom.config.mjs',
      'adoptFrom: expressSession({ ...common, userId: ({ account }) => account })',
    )
    const { old } = await import(pathToFileURL(path).href)
    const cookie = { originalMaxAge: 3_600_000, expires: new Date(Date.now() + 3_600_000).toISOString() }
    for (const account of [1, 2]) await setIn(old, `sid${account}`, { cookie, account })
    const args = ['--from', 'source:express-session', '--delete', '--json']
    const { code, out, err } = await move(args, folder)
    assert.equal(code, 0, err)
    assert.partialDeepStrictEqual(JSON.parse(out), { from: 'express-session', moved: 2, compared: 2, deleted: true })
    assert.deepEqual(readdirSync(join(folder, 'old')), [])
    const store = sqlite({ path: join(folder, 'new.db') })
    const sessions = createSessions({ store, secrets: OURS, sweep: false })
    assert.equal((await sessions.of('2').list()).length, 1)
    await sessions.close()
    await store.close()
  })

  test('a file that is no JSON, or encrypted, is counted as malformed, and one whose last access is long ago as ended', async () => {
    const path = mkdtempSync(join(folder, 'files-'))
    writeFileSync(join(path, 'garbage.json'), '{"cookie":')
    writeFileSync(join(path, 'encrypted.json'), '"6f70656e20736573616d65"')
    writeFileSync(join(path, 'idle.json'), JSON.stringify({ cookie: {}, __lastAccess: Date.now() - 3_700_000 }))
    writeFileSync(join(path, 'used.json'), JSON.stringify({ cookie: {}, __lastAccess: Date.now() }))
    writeFileSync(join(path, 'other.txt'), 'no session')
    const to = `sqlite:${join(path, 'new.db')}`
    const dry = await move(['--from', `express+file:${path}`, '--to', to, '--json', '--dry-run'])
    assert.partialDeepStrictEqual(JSON.parse(dry.out), { moved: 1, gone: 1 })
    const { code, out } = await move(['--from', `express+file:${path}`, '--to', to, '--json'])
    assert.partialDeepStrictEqual(JSON.parse(out), { moved: 1, malformed: 2, gone: 1, failed: 0 })
    assert.equal(code, 1)
  })

  test('a source that cannot be listed is refused with what to do', async () => {
    const sources: [adoptFrom: string, from: string, message: RegExp][] = [
      [
        `adoptFrom: ironSession({ password: 'x'.repeat(32), cookieName: 'iron', until })`,
        'source:iron-session',
        /in the cookies of its visitors, so nobody can list them/,
      ],
      [
        'adoptFrom: expressSession({ ...common, store: { get() {}, destroy() {} } })',
        'source:express-session',
        /cannot list its sessions\. Name it by a URL/,
      ],
      [`adoptFrom: expressSession({ secret: 'a', until })`, 'source:express-session', /has no store in the config/],
      ['adoptFrom: expressSession(common)', 'source:django', /no such source .* There is: source:express-session/],
      ['sweep: false', 'source:express-session', /have no adoptFrom/],
    ]
    await Promise.all(
      sources.map(async ([adoptFrom, from, message], i) => {
        const { code, err } = await move(['--from', from, '--config', config(`refused${i}.mjs`, adoptFrom)], folder)
        assert.match(err, message)
        assert.equal(code, 2)
      }),
    )
  })

  test('wrong use is refused with one line, and exit code 2', async () => {
    const to = ['--to', `sqlite:${join(folder, 'unused.db')}`]
    const wrong: [args: readonly string[], message: RegExp][] = [
      [['--from', 'iron-session', ...to], /sessions of iron-session are in the cookies/],
      [['--from', 'express+file:./nowhere-at-all', ...to], /does not exist/],
      [
        ['--from', 'express+redis://localhost', '--to', 'express+redis://localhost'],
        /--to must be a store of Strongroom/,
      ],
      [['--from', 'express+redis://localhost', '--users', 'sqlite:x', ...to], /--users is for moving from Django/],
      [['--from', 'source:express-session', ...to], /leave out --to/],
    ]
    await Promise.all(
      wrong.map(async ([args, message]) => {
        const { code, out, err } = await move(args, folder)
        assert.match(err, message)
        assert.deepEqual([code, out], [2, ''], args.join(' '))
      }),
    )
  })

  test('a URL with a mistake in it is refused before anything is opened', () => {
    const wrong: [url: string, message: RegExp][] = [
      ['express+mongodb://localhost', /Unknown store URL\. Known: express\+redis:/],
      ['express+file:', /needs a path/],
      ['express+file:./a?extention=.x', /did you mean "extension"/i],
      ['express+redis://localhost?prefx=a', /did you mean "prefix"/i],
      ['express+postgres://localhost/a?table=a;b', /"table" of an express\+postgres: store/],
      ['express+mysql://localhost/a?table=a;b', /"table" of an express\+mysql: store/],
      ['express+redis://localhost?lifetime=soon', /lifetime/],
      ['express+redis://localhost?rolling=perhaps', /rolling/],
    ]
    for (const [url, message] of wrong)
      assert.throws(
        () => expressFromUrl(url).open(),
        (error: Error) => error instanceof ConfigError && message.test(error.message),
        url,
      )
  })
})
