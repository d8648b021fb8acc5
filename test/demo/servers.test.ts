import assert from 'node:assert/strict'
import { chmodSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { after, before, suite, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { folder, running } from '../browser/running.ts'
import { need } from '../support/need.ts'

const NOTE = 'the canary sings under the third flowerpot'
const FORM = { 'sec-fetch-site': 'same-origin' }
const SERVERS = {
  postgres: 'PostgreSQL',
  mariadb: 'MariaDB',
  redis: 'Redis',
  valkey: 'Valkey',
  memcached: 'memcached',
} as const
const needs = ['postgres', 'mariadbd', 'redis-server', 'valkey-server', 'memcached'].map((program) => need(program))
const missing = needs.find(({ skip }) => skip !== false)

/** The servers of a demo: processes that work in its folder of temporary files. */
function processesOf(tmp: string, command = ''): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => factOf(() => readlinkSync(`/proc/${pid}/cwd`)).startsWith(tmp))
    .filter((pid) => commandOf(pid).includes(command))
    .map(Number)
}

const commandOf = (pid: string | number) => factOf(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'))

/** Empty for a process that has ended meanwhile. */
function factOf(read: () => string): string {
  try {
    return read()
  } catch {
    return ''
  }
}

/** A folder of temporary files that the user of a database may enter, too. */
function openFolder(t: { after(done: () => void): void }): string {
  const path = folder(t)
  chmodSync(path, 0o711)
  return path
}

suite('the servers of the demo', { skip: missing?.skip ?? false, timeout: 180_000 }, () => {
  const cleanups: (() => unknown)[] = []
  const whole = { after: (done: () => unknown) => cleanups.unshift(done) }
  let site: Awaited<ReturnType<typeof running>>
  let tmp: string
  let cookie = ''

  before(async () => {
    tmp = openFolder(whole)
    site = await running(whole, [], folder(whole), { TMPDIR: tmp })
    cookie = await post('/note', `note=${NOTE}`)
    // What is started is added to what a visitor has kept already.
    cookie = `${cookie}; ${await post('/servers')}`
  })
  after(async () => {
    for (const cleanUp of cleanups) await cleanUp()
  })

  /** Returns the cookies that were set, as a header. */
  async function post(path: string, body = ''): Promise<string> {
    const headers = { ...FORM, cookie }
    const init = { method: 'POST', body: new URLSearchParams(body), headers, redirect: 'manual' } as const
    const response = await fetch(site.url + path, init)
    assert.equal(response.status, 303, path)
    return response.headers
      .getSetCookie()
      .map((line) => line.split(';', 1)[0])
      .join('; ')
  }

  const page = async (path: string) => (await fetch(site.url + path, { headers: { cookie } })).text()
  const rowsOf = (html: string) =>
    new Map(
      html
        .split(/<li class="(?:strongroom|peer)">/)
        .slice(1)
        .map((row) => [/<h3>([^<\n]+)/.exec(row)?.[1]?.trim(), row]),
    )

  test('are started with a button, and hold the note where nobody finds it', async () => {
    const html = await page('/')
    const rows = rowsOf(html)
    for (const title of Object.values(SERVERS)) {
      const row = rows.get(title) ?? ''
      assert.equal(row.match(/not found/g)?.length, 2, title)
      // The row itself was found in their files, so it was these files that were searched.
      if (title !== 'memcached') assert.match(row, /, at byte \d+/, title)
    }
    assert.doesNotMatch(html, /<button[^>]*>Start/)
  })

  test('are killed by an attack, and lose nobody’s session but those of memcached', async () => {
    await post('/attacks/stop')
    const html = await page('/attacks/stop')
    for (const [name, title] of Object.entries(SERVERS)) {
      const result = html.split(`<li id="${name}"`)[1]?.split('</summary>')[0] ?? ''
      assert.match(
        result,
        name === 'memcached' ? /the visitor was signed out/ : /An error \(503\) while it was away/,
        title,
      )
    }
    const rows = rowsOf(await page('/'))
    assert.match(rows.get('memcached') ?? '', /this engine forgets at a restart/)
    assert.match(rows.get('PostgreSQL') ?? '', /not found/)
  })

  test('that are killed from outside are said to be away, and no attack takes that for held', async () => {
    const [pid] = processesOf(tmp, 'redis-server')
    assert.ok(pid)
    process.kill(pid, 'SIGKILL')
    while (commandOf(pid) !== '') await wait(10)
    assert.match(rowsOf(await page('/')).get('Redis') ?? '', /The store does not answer/)
    await post('/attacks/come-back')
    const result = (await page('/attacks/come-back')).split('<li id="redis"')[1]?.split('</summary>')[0] ?? ''
    assert.match(result, /not run/)
    assert.match(result, /answered with 503/)
    // The attack that stops a store starts it, too.
    await post('/attacks/stop')
    await post('/attacks/come-back')
    assert.match((await page('/attacks/come-back')).split('<li id="redis"')[1] ?? '', /^[^<]*(?:<[^>]+>[^<]*)*?held/)
  })

  test('end with the demo, and leave nothing', async () => {
    assert.ok(processesOf(tmp).length >= 5)
    const { code } = await site.demo.stop()
    assert.equal(code, 0)
    assert.deepEqual(processesOf(tmp), [])
    assert.deepEqual(readdirSync(tmp), [])
  })
})

test('a demo that is stopped while its servers start leaves none behind', {
  skip: missing?.skip ?? false,
  timeout: 60_000,
}, async (t) => {
  const tmp = openFolder(t)
  const { demo } = await running(t, ['--servers'], folder(t), { TMPDIR: tmp })
  while (processesOf(tmp).length === 0) await wait(20)
  const { code } = await demo.stop()
  assert.equal(code, 0)
  assert.deepEqual(processesOf(tmp), [])
  assert.deepEqual(readdirSync(tmp), [])
})
