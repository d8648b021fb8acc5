import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { get } from 'node:http'
import { after, before, suite, test } from 'node:test'
import { folder, running } from '../browser/running.ts'
import { Client } from './client.ts'

const LIMIT = { timeout: 300_000 }
const NOTE = 'the canary sings under the third flowerpot'

suite('the demo’s answers', LIMIT, () => {
  const cleanups: (() => unknown)[] = []
  const whole = { after: (done: () => unknown) => cleanups.unshift(done) }
  let url: string
  before(async () => {
    url = (await running(whole)).url
  })
  after(async () => {
    for (const cleanUp of cleanups) await cleanUp()
  })

  test('begin soon: a start costs little processor time, because servers are started later', async (t) => {
    const { demo, url } = await running(t)
    assert.equal((await new Client(url).get('/')).status, 200)
    // proc(5): after the name come the state and eleven numbers; then user and system time, in hundredths of a second.
    const stat = readFileSync(`/proc/${demo.pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
    const seconds = (Number(stat[11]) + Number(stat[12])) / 100
    // Eight starts took 0.78 to 0.91 s each, on two processors that had other work.
    assert.ok(seconds > 0.1 && seconds < 2, `${seconds} s`)
  })

  test('carry the headers that keep a page to itself', async () => {
    const { headers } = await new Client(url).get('/')
    assert.match(
      headers.get('content-security-policy') ?? '',
      /^default-src 'none'; script-src 'self'; style-src 'self';/,
    )
    assert.doesNotMatch(headers.get('content-security-policy') ?? '', /unsafe/)
    assert.equal(headers.get('x-content-type-options'), 'nosniff')
    assert.equal(headers.get('cache-control'), 'no-store')
    assert.equal(headers.get('x-powered-by'), null)
    assert.equal(headers.get('set-cookie'), null)
  })

  test('refuse a form from another site, by what the browser says of it', async () => {
    const client = new Client(url)
    const keep = async (headers: Record<string, string>) => (await client.post('/note', { note: NOTE }, headers)).status
    assert.equal(await keep({ 'sec-fetch-site': 'cross-site' }), 403)
    assert.equal(await keep({ 'sec-fetch-site': 'same-site', origin: url }), 403)
    assert.equal(await keep({ origin: 'https://example.com' }), 403)
    assert.equal(await keep({ origin: 'null' }), 403)
    assert.equal(client.cookies.size, 0)
    assert.equal(await keep({ origin: url }), 303)
    assert.equal(await keep({ 'sec-fetch-site': 'same-origin' }), 303)
  })

  test('refuse a request for another host, which a rebound name would be', async () => {
    const status = (host: string) =>
      new Promise((done, fail) =>
        get(url, { headers: { host } }, (response) => done(response.resume().statusCode)).on('error', fail),
      )
    const { port } = new URL(url)
    assert.equal(await status(`evil.example:${port}`), 421)
    assert.equal(await status('localhost.evil.example'), 421)
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`])
      assert.equal(await status(host), 200)
  })

  test('show a note as text, whatever it looks like, and wherever it is found', async () => {
    const client = new Client(url)
    const hostile = `<script>alert("1")</script>'"><img src=x onerror=alert(1)>&amp;`
    await client.post('/note', { note: hostile })
    for (const attack of ['come-back', 'flip', 'put-back']) await client.post(`/attacks/${attack}`)
    for (const path of ['/', '/attacks/come-back', '/attacks/flip', '/attacks/put-back']) {
      const page = await client.text(path)
      assert.ok(!page.includes('<script>'), path)
      assert.ok(!page.includes('<img'), path)
    }
    const page = await client.text('/')
    assert.ok(page.includes('&lt;script&gt;'))
    assert.match(page, /found in JSON|found as plain text/)
  })

  test('set a note apart that turns the direction of writing, so that the words after it stay readable', async () => {
    const client = new Client(url)
    const note = 'a note that turns \u202e around'
    await client.post('/note', { note })
    assert.ok((await client.text('/')).includes(`<bdi>${note}</bdi>`))
    await client.post('/attacks/come-back')
    const page = await client.text('/attacks/come-back')
    for (const [line] of page.matchAll(/^.*\u202e.*$/gmu)) assert.match(line, /<bdi>[^<]*\u202e[^<]*<\/bdi>/)
  })

  test('refuse a note that is too short to be looked for, and one that is too long', async () => {
    const client = new Client(url)
    for (const note of ['', '       ', 'seven c', 'x'.repeat(201)]) {
      assert.equal((await client.post('/note', { note })).status, 303)
      const page = await client.text('/')
      assert.match(page, /A note needs 8 to 200 characters/)
      assert.match(page, /Leave a secret above/)
    }
  })

  test('keep visitors apart: nobody sees the note or the results of another', async () => {
    const [ada, eve] = [new Client(url), new Client(url)]
    await ada.post('/note', { note: NOTE })
    await eve.post('/note', { note: 'the note of somebody else' })
    const { headers } = await ada.post('/attacks/come-back')
    const page = await eve.text('/')
    assert.doesNotMatch(page, /canary/)
    assert.match(page, /the note of somebody else/)
    assert.doesNotMatch(await eve.text('/attacks/come-back'), /What happened/)
    // Only who has the address of a run sees it, and nobody can guess one.
    assert.match(headers.get('location') ?? '', /^\/attacks\/come-back\?run=[\w-]{22}$/)
    const wrong = await eve.text('/attacks/come-back?run=AAAAAAAAAAAAAAAAAAAAAA')
    assert.match(wrong, /That run is not known any more/)
    assert.doesNotMatch(wrong, /What happened/)
  })

  test('let a browser without cookies attack, and tell it why its note is not kept', async () => {
    const post = (path: string, body = '') =>
      fetch(url + path, {
        method: 'POST',
        body: new URLSearchParams(body),
        headers: { 'sec-fetch-site': 'same-origin' },
        redirect: 'manual',
      })
    const attack = await post('/attacks/come-back')
    const location = attack.headers.get('location') ?? ''
    assert.match(location, /\?run=[\w-]{22}&kept$/)
    assert.match(await (await fetch(url + location)).text(), /What happened/)
    const note = await post('/note', `note=${NOTE}`)
    assert.equal(note.headers.get('location'), '/?kept#places')
    assert.match(await (await fetch(`${url}/?kept`)).text(), /--plain-cookie/)
  })

  test('run an attack that is started twice in parallel twice', async () => {
    const client = new Client(url)
    await client.post('/note', { note: NOTE })
    const replies = await Promise.all([1, 2, 3].map(() => client.post('/attacks/stop')))
    const locations = replies.map(({ headers }) => headers.get('location') ?? '')
    assert.equal(new Set(locations).size, 3)
    for (const location of locations) {
      const page = await client.text(location)
      assert.match(page, /An error \(503\) while it was away/)
      assert.doesNotMatch(page, /could not be finished/)
    }
  })

  test('refuse more attacks than can wait, and say when to come back', async () => {
    const replies = await Promise.all(Array.from({ length: 16 }, () => new Client(url).post('/attacks/stop')))
    const busy = replies.filter(({ status }) => status === 503)
    assert.ok(busy.length > 0 && busy.length < 16)
    assert.equal(busy[0]?.headers.get('retry-after'), '5')
    assert.match((await busy[0]?.text()) ?? '', /attacks are waiting for their turn/)
  })

  test('set __Host- cookies, Secure, or with --plain-cookie cookies for browsers that want neither', async (t) => {
    const setBy = async (...args: string[]) => {
      const { url } = await running(t, args)
      const lines = (await new Client(url).post('/note', { note: NOTE })).headers.getSetCookie()
      return lines.filter((line) => /sqlite=|id=/.test(line)).map((line) => line.replace(/=[^;]+/, '=…'))
    }
    const end = 'Path=/; HttpOnly; Secure; SameSite=Lax'
    assert.deepEqual((await setBy()).sort(), [`__Host-id=…; ${end}`, `__Host-sqlite=…; ${end}`])
    const plain = 'Path=/; HttpOnly; SameSite=Lax'
    assert.deepEqual((await setBy('--plain-cookie')).sort(), [`id=…; ${plain}`, `sqlite=…; ${plain}`])
  })

  test('are pages, also for what is not there and what is too much', async () => {
    const client = new Client(url)
    for (const [response, status] of [
      [await client.get('/nowhere'), 404],
      [await client.get('/attacks/nothing'), 404],
      [await client.post('/attacks/nothing'), 404],
      [await client.get('/docs/nothing.md'), 404],
      [await client.get('/docs/..%2fpackage.json'), 404],
      [await client.get('/lab/cell?row=x&attack=y'), 404],
      [await client.post('/note', { note: 'x'.repeat(10_000) }), 413],
    ] as const) {
      assert.equal(response.status, status)
      assert.match(response.headers.get('content-type') ?? '', /^text\/html/)
      assert.match(await response.text(), /To the start page/)
    }
    assert.match(await client.text('/attacks/nothing'), /come-back, plant, flip, put-back, stop, race/)
  })

  test('show the visitor’s own store beside the others, and never stop it', async (t) => {
    const { url } = await running(t, ['--store', 'file:./mine'])
    const client = new Client(url)
    await client.post('/note', { note: NOTE })
    assert.match(await client.text('/'), /Your store/)
    await client.post('/attacks/stop')
    assert.match(await client.text('/attacks/stop'), /The demo stops no server that it has not started/)
    await client.post('/attacks/come-back')
    assert.match(await client.text('/attacks/come-back'), /id="own"/)
  })

  test('go on after a restart with what is on the disk, and say what memory has forgotten', async (t) => {
    const cwd = folder(t)
    const first = await running(t, [], cwd)
    const client = new Client(first.url)
    await client.post('/note', { note: NOTE })
    await first.demo.stop()
    const { url } = await running(t, [], cwd)
    const again = new Client(url)
    for (const [name, value] of client.cookies) again.cookies.set(name, value)
    const page = await again.text('/')
    assert.match(page, /canary/)
    assert.equal(page.match(/The session is gone: this engine forgets at a restart/g)?.length, 1)
    assert.equal(page.match(/The session is gone: what we compare with starts afresh/g)?.length, 3)
  })
})
