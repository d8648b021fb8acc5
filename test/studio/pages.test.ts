import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { type LabReport, type Panels, serveStudio, studio } from '@strongroom/studio'
import { cookie as cookieEngine } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { figures } from '../../packages/strongroom/src/figures/figures.ts'
import { bearer } from '../../packages/strongroom/src/http/bearer.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/session-for.ts'
import { cookiesOf, SECRET, serving, shop, signIn, siteOf } from './browserless.ts'
import { allPanels, doctorPanel, figuresSnapshot, labReport } from './panels.ts'

type Ending = { after(done: () => unknown): void }

async function open(t: Ending, panels: Panels = allPanels(), sessions = shop()) {
  const board = studio(sessions, { guard: () => true, write: true, title: '<shop>', ...panels })
  return { sessions, site: await serving(t, board.node) }
}

const PAGES = [
  ['/studio', 200],
  ['/studio/sessions', 200],
  ['/studio/sessions?user=42', 200],
  ['/studio/figures', 200],
  ['/studio/lab?of=all', 200],
  ['/studio/lab/cell?row=postgres&attack=read-a-backup', 200],
  ['/studio/lab/cell?row=postgres&attack=nothing', 404],
  ['/studio/advisor', 200],
  ['/studio/doctor', 200],
  ['/studio/everybody', 200],
  ['/studio/nowhere', 404],
] as const

suite('every page of the studio', () => {
  test('has a strict Content-Security-Policy, is not stored, and has nothing inline and nothing from elsewhere', async (t) => {
    const { site, sessions } = await open(t)
    await signIn(sessions, '42')
    for (const [path, expected] of PAGES) {
      const { status, headers, text } = await site.get(path)
      assert.equal(status, expected, path)
      const csp = String(headers['content-security-policy'])
      assert.match(csp, /^default-src 'none'; script-src 'self'; style-src 'self'; /)
      assert.match(csp, /frame-ancestors 'none'/)
      assert.doesNotMatch(csp, /unsafe|http|\*/)
      assert.equal(headers['cache-control'], 'no-store')
      assert.equal(headers['x-content-type-options'], 'nosniff')
      assert.doesNotMatch(
        text,
        /<style|<script(?! defer src="\/studio\/assets\/)|\son\w+=|style="|(?:src|href|action)="(?!\/studio)[^#]/,
      )
      assert.match(text, /<html lang="en" data-theme="system">/)
      assert.match(text, /&lt;shop&gt;/)
    }
  })

  test('the first page weighs less than 150 KB with all that it loads, and so does the page with the charts', async (t) => {
    const { site } = await open(t)
    for (const path of ['/studio', '/studio/figures']) {
      const { text } = await site.get(path)
      const loaded = [...text.matchAll(/(?:<script defer src|<link rel="\w+" href|<img src)="([^"]+)"/g)].map(
        ([, link = '']) => link,
      )
      const files = await Promise.all([...new Set(loaded)].map((link) => site.get(link)))
      assert.ok(files.length >= 2 && files.every(({ status }) => status === 200))
      const bytes = [text, ...files.map((file) => file.text)].reduce((sum, one) => sum + Buffer.byteLength(one), 0)
      assert.ok(bytes < 150 * 1024, `${path}: ${bytes} bytes, ${gzipSync(text).length} zipped`)
    }
  })

  test('has its colours before it is drawn: the theme is a cookie, set by a link that leads back, and nowhere else', async (t) => {
    const { site } = await open(t)
    const chosen = await site.get('/studio/theme/dark?from=/doctor')
    assert.deepEqual([chosen.status, chosen.headers.location], [303, '/studio/doctor'])
    assert.match(
      String(chosen.headers['set-cookie']),
      /^strongroom-studio-theme=dark; Max-Age=\d+; Path=\/studio\/; HttpOnly; SameSite=Strict$/,
    )
    assert.match(
      (await site.get('/studio/doctor', { cookie: 'strongroom-studio-theme=dark' })).text,
      /data-theme="dark"/,
    )
    for (const from of ['//evil.example', 'https://evil.example', '/\\evil.example', '/doctor?x=1'])
      assert.equal(
        (await site.get(`/studio/theme/light?from=${encodeURIComponent(from)}`)).headers.location,
        '/studio/',
      )
    assert.equal((await site.get('/studio/theme/<b>')).status, 404)
  })

  test('an asset may be kept for good, and there is no other file', async (t) => {
    const { site } = await open(t)
    assert.match(String((await site.get('/studio/assets/uplot.js')).headers['cache-control']), /^private, .*immutable$/)
    for (const name of ['..%2fpackage.json', 'constructor', 'index.ts'])
      assert.equal((await site.get(`/studio/assets/${name}`)).status, 404)
  })

  test('of sessions with bearer tokens names no cookie, and refuses the forms of other sites', async (t) => {
    const sessions = shop({ transport: bearer(), namespace: 'app' })
    const { site } = await open(t, allPanels(), sessions)
    const { headers } = await sessionFor(sessions, { userId: '42' })
    for (const [path, expected] of PAGES) assert.equal((await site.get(path, headers)).status, expected, path)
    const { text } = await site.get('/studio')
    assert.match(text, /<dt>Token<\/dt><dd><code>Authorization<\/code>/)
    assert.doesNotMatch(text, /<dt>Cookie<\/dt>/)
    const origin = 'https://evil.example'
    assert.equal((await site.post('/studio/count', {}, { origin, 'sec-fetch-site': null })).status, 403)
  })

  test('a panel that was not passed has no page and no link', async (t) => {
    const { site } = await open(t, {})
    const { text } = await site.get('/studio')
    for (const path of ['figures', 'lab', 'advisor', 'doctor']) {
      assert.ok(!text.includes(`/studio/${path}`), path)
      assert.equal((await site.get(`/studio/${path}`)).status, 404)
    }
  })
})

suite('the overview', () => {
  test('of a store that was opened by its URL does not take the deadlines of the studio for the application’s', async (t) => {
    const sessions = shop()
    for (const isApplication of [undefined, false]) {
      const served = await serveStudio(sessions, { ...(isApplication !== undefined && { isApplication }) })
      t.after(() => served.close())
      const link = served.link()
      const site = siteOf(link)
      const cookie = cookiesOf(await site.get(new URL(link).pathname))
      const pages = [await site.get('/', { cookie }), await site.get('/sessions?user=nobody', { cookie })]
      const [overview = '', nobody = ''] = pages.map(({ text }) => text)
      const isKnown = isApplication !== false
      assert.equal(/Ends without use<\/dt><dd>after 30 minutes/.test(overview), isKnown)
      assert.equal(/does not say which cookie, seal and deadlines/.test(overview), !isKnown)
      assert.match(overview, /<dt>Engine<\/dt><dd>memory/)
      assert.equal(/One namespace was searched.*__Host-id/.test(nobody), !isKnown)
    }
  })

  test('counts when it is asked to, and says when and how long; another site cannot ask', async (t) => {
    const { site, sessions } = await open(t)
    await signIn(sessions, '42')
    assert.match((await site.get('/studio')).text, /Count the sessions/)
    await site.get('/studio/count', { 'sec-fetch-site': 'cross-site' })
    assert.match((await site.get('/studio')).text, /Count the sessions/)
    const { status, headers } = await site.get('/studio/count', { 'sec-fetch-site': 'same-origin' })
    assert.deepEqual([status, headers.location], [303, '/studio/#totals'])
    assert.match((await site.get('/studio')).text, /<dt>Live<\/dt><dd>1<\/dd>.*Counted just now/s)
  })

  test('a count that fails says why, and a page without a count is still there', async (t) => {
    const sessions = createSessions({ store: cookieEngine({ revocations: memory() }), secrets: SECRET })
    const board = studio(sessions, { guard: () => true })
    const site = await serving(t, board.node)
    await site.get('/studio/count')
    assert.match((await site.get('/studio')).text, /could not be counted: Sessions cannot be counted/)
  })
})

suite('a user’s sessions', () => {
  test('are found by the exact id, as it was given to login(), and an unknown id looks like one without sessions', async (t) => {
    const { site, sessions } = await open(t)
    await signIn(sessions, 'ada & <b>')
    const found = await site.get(`/studio/sessions?user=${encodeURIComponent('ada & <b>')}`)
    assert.match(found.text, /1 live session<.*Firefox on Linux/s)
    assert.match(found.text, /value="ada &amp; &lt;b&gt;"/)
    assert.match(
      (await site.get('/studio/sessions?user=ada')).text,
      /No live sessions.*An id that does not exist looks the same/s,
    )
    assert.match((await site.get('/studio/sessions?user=%20ada')).text, /begins or ends with a space/)
  })

  test('are shown with their networks and places, where the application stores addresses', async (t) => {
    const addressed = shop({
      address: (request: Request) => (request.headers.get('user-agent') === 'curl' ? null : '2001:db8:7:1::5'),
      place: () => 'Berlin & <b>',
    })
    const { site, sessions } = await open(t, undefined, addressed)
    for (const agent of ['Firefox/1', 'curl']) await signIn(sessions, 'eve', agent)
    const { text } = await site.get('/studio/sessions?user=eve')
    assert.match(text, /<th scope="col">Device<\/th><th scope="col">Address<\/th>/)
    assert.deepEqual(
      [...text.matchAll(/<td data-label="Address">(.*?)<\/td>/g)].map(([, shown]) => shown),
      ['Unknown', '2001:db8:7::/48, Berlin &amp; &lt;b&gt;'],
    )
    const { site: other, sessions: without } = await open(t)
    await signIn(without, 'eve')
    assert.doesNotMatch((await other.get('/studio/sessions?user=eve')).text, /Address/)
  })

  test('of an id that may not be what it looks like, the page says so where there are none', async (t) => {
    const { site } = await open(t)
    const said = async (user: string) => (await site.get(`/studio/sessions?${new URLSearchParams({ user })}`)).text
    assert.match(await said('ada\u200b'), /has a character that cannot be seen/)
    assert.match(await said('Zoe\u0308'), /a letter with a mark, which can be written in two ways/)
    assert.match(await said('Zo\ufffd'), /has a character that was lost on the way/)
    assert.doesNotMatch(await said('ada 用户'), /The id that you entered/)
  })

  test('of five thousand come in pages of a hundred, without scripts, each session once', async (t) => {
    const { site, sessions } = await open(t)
    for (let i = 0; i < 5000; i++) await signIn(sessions, '42')
    const handlesIn = (text: string) =>
      [...text.matchAll(/data-label="Handle"><code>([\w-]{16})</g)].map(([, one]) => one)
    const linkIn = (text: string, words: string) =>
      new RegExp(`<a href="([^"]+)">${words}</a>`).exec(text)?.[1]?.replaceAll('&amp;', '&')
    const seen: (string | undefined)[] = []
    const pages: string[] = []
    let link: string | undefined = '/studio/sessions?user=42'
    while (link && pages.length < 60) {
      pages.push(link)
      const { text } = await site.get(link)
      assert.match(text, /5,000 live sessions/)
      assert.ok(Buffer.byteLength(text) < 150 * 1024, `${text.length} bytes`)
      assert.doesNotMatch(text, /<script/)
      seen.push(...handlesIn(text))
      link = linkIn(text, 'Older')
    }
    assert.equal(pages.length, 50)
    const listed = (await sessions.of('42').list()).map(({ handle }) => handle)
    assert.deepEqual([...seen].sort(), listed.sort())
    const last = await site.get(pages.at(-1) ?? '')
    assert.match(last.text, /4,901 to 5,000, the newest first/)
    assert.deepEqual(handlesIn((await site.get(linkIn(last.text, 'Newer') ?? '')).text), seen.slice(4800, 4900))
    assert.deepEqual(handlesIn((await site.get(linkIn(last.text, 'Newest') ?? '')).text), seen.slice(0, 100))
    // The session that the link goes on from ends: the next page is the same.
    await sessions.of('42').revoke(seen[99] ?? '')
    assert.deepEqual(handlesIn((await site.get(pages[1] ?? '')).text), seen.slice(100, 200))
    for (const wrong of ['older=', 'older=<b>.AAAA', 'newer=1.short', 'older=x&newer=y'])
      assert.deepEqual(handlesIn((await site.get(`/studio/sessions?user=42&${wrong}`)).text)[0], seen[0], wrong)
  })

  test('a link on another site does not search the whole store by handle: it fills in the form', async (t) => {
    const { site, sessions } = await open(t)
    await signIn(sessions, '42')
    const [device] = await sessions.of('42').list()
    const path = `/studio/sessions?handle=${device?.handle}`
    for (const from of ['cross-site', 'same-site']) {
      const { status, text } = await site.get(path, { 'sec-fetch-site': from, 'sec-fetch-mode': 'navigate' })
      assert.equal(status, 200)
      assert.doesNotMatch(text, /One session</)
      assert.match(text, new RegExp(`name="handle" value="${device?.handle}"`))
    }
    for (const from of ['same-origin', 'none'])
      assert.match((await site.get(path, { 'sec-fetch-site': from })).text, /One session</)
  })

  test('what an address says was done is one of our own sentences', async (t) => {
    const { site } = await open(t)
    const { text } = await site.get('/studio/sessions?user=42&done=<b>&count=<i>')
    assert.doesNotMatch(text, /<b>|<i>/)
    assert.match(
      (await site.get('/studio/sessions?user=42&done=all&count=9999999999')).text,
      /All sessions of this user have ended/,
    )
  })

  test('an engine that cannot list them says what it can do, and ends all of them', async (t) => {
    const sessions = createSessions({ store: cookieEngine({ revocations: memory() }), secrets: SECRET })
    const site = await serving(t, studio(sessions, { guard: () => true, write: true }).node)
    const { status, text } = await site.get('/studio/sessions?user=42')
    assert.equal(status, 200)
    assert.match(text, /cannot list a user&#39;s sessions|cannot list a user's sessions/)
    assert.match(text, /End all sessions of this user/)
    const ended = await site.post('/studio/sessions/end-all', { user: '42' })
    assert.match((await site.get(String(ended.headers.location))).text, /All sessions of this user have ended/)
  })
})

suite('the panels', () => {
  test('what was not run is not shown as held, also where the report has no cell', async (t) => {
    const whole = labReport()
    const lab: LabReport = { ...whole, cells: whole.cells.filter((cell) => cell.attack !== 'race') }
    const { site } = await open(t, { lab })
    const { text } = await site.get('/studio/lab')
    const row = /<th scope="row">Every interleaving.*?<\/tr>/s.exec(text)?.[0] ?? ''
    assert.equal(row.match(/not run/g)?.length, 7)
    assert.doesNotMatch(row, /held/)
    assert.match((await site.get('/studio/lab/cell?row=postgres&attack=race')).text, /has no entry for this attack/)
  })

  test('a cell opens its evidence, and what the report says is text and never markup', async (t) => {
    const { site } = await open(t)
    const { text } = await site.get('/studio/lab/cell?row=postgres&attack=read-a-backup')
    assert.match(text, /bytes of the backup that hold the note<\/dt><dd><code>0 of 48,213/)
    assert.match(text, /&lt;b&gt;nothing&lt;\/b&gt;/)
    assert.doesNotMatch(text, /<b>/)
  })

  test('a promise that was broken is counted, and one that was not run is not counted as held', async (t) => {
    const lab = labReport()
    const cells = lab.cells.map((cell) =>
      cell.row === 'redis' && cell.attack === 'replay' ? { ...cell, verdict: 'broken' as const } : cell,
    )
    const { site } = await open(t, { lab: { ...lab, cells } })
    assert.match(
      (await site.get('/studio')).text,
      /59 of 70 promises held, 10 not run\. <strong class="bad">1 promise broken/,
    )
    assert.match((await site.get('/studio/lab/cell?row=redis&attack=replay')).text, /this is a fault/)
  })

  test('the doctor examines when it is asked to; what could not be checked is not among what is in order', async (t) => {
    const { site } = await open(t)
    assert.match((await site.get('/studio/doctor')).text, /Examine now/)
    await site.get('/studio/doctor/examine')
    const { text } = await site.get('/studio/doctor')
    assert.match(text, /2 things to mend, 1 could not be checked, 2 in order/)
    assert.ok(text.indexOf('Breaks a promise') < text.indexOf('Weakens a promise'))
    const [, inOrder = ''] = text.split('In order')
    assert.doesNotMatch(inOrder, /replication/)
    assert.match(text, /ALTER SYSTEM SET synchronous_commit = on/)
  })

  test('a doctor who fails says so, and tells nothing of another library’s error', async (t) => {
    const doctor = { ...doctorPanel(), diagnose: () => Promise.reject(new Error('password hunter2')) }
    const { site } = await open(t, { doctor })
    await site.get('/studio/doctor/examine')
    const { text } = await site.get('/studio/doctor')
    assert.match(text, /The examination failed/)
    assert.doesNotMatch(text, /hunter2/)
  })

  test('the advisor takes only answers that its questions have, and shows what it advises', async (t) => {
    const { site } = await open(t)
    const { text } = await site.get(
      '/studio/advisor?answered=&properties=durable&properties=final&servers=several&sessions=5',
    )
    assert.match(
      text,
      /<h3><span class="soft">1\.<\/span> postgres, two-key<\/h3>.*held: durable.*held: final.*createSessions/s,
    )
    assert.match(text, /value="several" checked/)
    const wrong = await site.get('/studio/advisor?answered=&servers=none&sessions=many')
    assert.equal(wrong.status, 400)
    assert.match(wrong.text, /“How many servers\?” takes one of: One, Several\./)
    assert.match(wrong.text, /“Sessions at a time” takes a whole number/)
    assert.doesNotMatch(wrong.text, /Recommended/)
    const unusable = await site.get('/studio/advisor?answered=&lifetime=soon')
    assert.equal(unusable.status, 400)
    assert.match(unusable.text, /role="alert">“Lifetime” must be like 12h/)
    assert.doesNotMatch(unusable.text, /Recommended/)
  })

  test('figures that are not known are not shown as 0, in the table and in what the charts are drawn from', async (t) => {
    const { site } = await open(t)
    const { text } = await site.get('/studio/figures?range=hour')
    assert.match(text, /about 12,431/)
    assert.match(text, /Live entries as a table/)
    const { charts, times } = JSON.parse((await site.get('/studio/figures.json?range=hour')).text)
    assert.equal(times.length, 360)
    assert.deepEqual(
      charts.map(({ name }: { name: string }) => name),
      ['live', 'created', 'waiting', 'latency', 'unusual'],
    )
    assert.deepEqual(charts[0].lines[0].values.slice(0, 4), [null, null, null, null])
    const unknown = { ...figuresSnapshot(Date.now()), stored: null, problem: 'The history could not be read.' }
    const other = await open(t, { figures: { snapshot: async () => unknown } })
    const page = await other.site.get('/studio/figures')
    assert.match(page.text, /id="count-live">not known/)
    assert.match(page.text, /role="alert" id="problem">The history could not be read/)
  })

  test('figures of an application that counts nothing say so, and what to do; a history says whose it is', async (t) => {
    const sessions = shop()
    const counted = figures(sessions, { every: false })
    t.after(() => counted.close())
    const { site } = await open(t, { figures: counted }, sessions)
    assert.match((await site.get('/studio/figures')).text, /Nothing was counted in 30 days.*docs\/figures\.md/s)
    await signIn(sessions, '42')
    const { text } = await site.get('/studio/figures')
    assert.doesNotMatch(text, /Nothing was counted/)
    assert.match(text, /this process’s alone/)
    const reading = { ...figuresSnapshot(Date.now()), history: 'read-only' as const }
    const other = await open(t, { figures: { snapshot: async () => reading } })
    assert.match((await other.site.get('/studio/figures')).text, /The studio is read-only, and adds nothing to it/)
  })

  test('figures(sessions) of strongroom fills the page', async (t) => {
    const sessions = shop()
    const counted = figures(sessions, { every: false })
    t.after(() => counted.close())
    for (let i = 0; i < 3; i++) await signIn(sessions, '42')
    await sessions.of('42').revokeAll()
    const { site } = await open(t, { figures: counted }, sessions)
    const { charts } = JSON.parse((await site.get('/studio/figures.json')).text)
    const lines = charts.flatMap((chart: { lines: { label: string; values: number[] }[] }) => chart.lines)
    const sum = (label: string) =>
      lines
        .find((line: { label: string }) => line.label === label)
        ?.values.reduce((all: number, one: number) => all + one, 0)
    assert.deepEqual([sum('created'), sum('all revoked')], [3, 3])
    assert.ok(
      lines.some(({ label }: { label: string }) => label === 'create'),
      'the calls of the store',
    )
    assert.match((await site.get('/studio/figures')).text, /Created and ended as a table/)
  })

  test('a page that fails tells the operator nothing of another library’s error, and is reported', async (t) => {
    const events: string[] = []
    const board = studio(shop(), {
      guard: () => true,
      figures: { snapshot: () => Promise.reject(new Error('password hunter2')) },
      on: ({ type }) => events.push(type),
    })
    const { status, text } = await (await serving(t, board.node)).get('/studio/figures')
    assert.equal(status, 500)
    assert.doesNotMatch(text, /hunter2/)
    assert.deepEqual(events, ['failed'])
  })
})
