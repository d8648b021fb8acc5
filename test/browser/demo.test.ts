import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, type TestContext, test } from 'node:test'
import axe from 'axe-core'
import type { Browser, BrowserContextOptions } from 'playwright-core'
import { attacks } from '../../demo/attacks/list.ts'
import { need } from '../support/need.ts'
import { labReportIn } from './lab-report.ts'
import { launch, Person, shown, type Tab } from './person.ts'
import { folder, running } from './running.ts'

const chromium = need('chromium')
const CANARY = 'the canary sings under the third flowerpot'

/** Elements that stick out of their panel. Elements that scroll by themselves do not count. */
const STICKING_OUT = `[...document.querySelectorAll('.panel, .places > ul > li')].flatMap((panel) =>
  [...panel.querySelectorAll(':not(.dump *, pre *, .teaser, .teaser *, .unseen, .unseen *)')]
    .filter((part) => part.getBoundingClientRect().right > panel.getBoundingClientRect().right + 1)
    .map((part) => part.outerHTML.slice(0, 200)))`

/** Verdicts that lie on the name of their engine. */
const OVERLAPPING = `[...document.querySelectorAll('.results summary')].flatMap((summary) => {
  const range = document.createRange()
  range.selectNodeContents(summary.querySelector('.engine'))
  const [name, chip] = [range.getBoundingClientRect(), summary.querySelector('.chip').getBoundingClientRect()]
  const beside = name.right <= chip.left || chip.right <= name.left
  const below = name.bottom <= chip.top + 1 || chip.bottom <= name.top + 1
  return beside || below ? [] : [summary.textContent]
})`

const PLACES = [
  'Memory: not found, readable, in memory only',
  'Files: not found, not found',
  'SQLite: not found, not found',
  'Signed cookie: found in base64, nothing stored',
  'Sealed cookie: not found, nothing stored',
  'Sealed cookie, revocable: not found, nothing stored but ends',
  'express-session: not found, found as plain text',
  'express-session, regenerate(): not found, found as plain text',
  'cookie-session: found in base64, nothing stored',
]

const [HELD, BROKEN, NOTHING] = ['held', 'broken, as documented', 'not applicable']
const RESULTS = [
  ['Memory', HELD, HELD, HELD, NOTHING, NOTHING, HELD],
  ['Files', HELD, HELD, HELD, BROKEN, HELD, HELD],
  ['SQLite', HELD, HELD, HELD, BROKEN, HELD, HELD],
  ['Signed cookie', BROKEN, HELD, HELD, NOTHING, NOTHING, BROKEN],
  ['Sealed cookie', BROKEN, HELD, HELD, NOTHING, NOTHING, BROKEN],
  ['Sealed cookie, revocable', HELD, HELD, HELD, NOTHING, HELD, BROKEN],
  ['express-session', HELD, 'broken', 'broken', 'broken', HELD, 'broken'],
  // Its README's login: nobody is signed in with a planted cookie.
  ['express-session, regenerate()', HELD, HELD, 'broken', 'broken', HELD, 'broken'],
  ['cookie-session', 'broken', HELD, HELD, NOTHING, NOTHING, 'broken'],
].map(([name, ...verdicts]) => `${name}: ${verdicts.join(', ')}`)

suite('the demo in a browser', { skip: chromium.skip, timeout: 600_000 }, () => {
  let browser: Browser
  let site: Awaited<ReturnType<typeof running>>
  const cleanups: (() => unknown)[] = []
  const whole = { after: (done: () => unknown) => cleanups.unshift(done) }
  const cwd = folder(whole)
  before(async () => {
    browser = await launch(chromium.path)
    site = await running(whole, ['--report', labReportIn(cwd)], cwd)
  })
  after(async () => {
    await browser?.close()
    for (const cleanUp of cleanups) await cleanUp()
  })

  /** Opens a browser profile in which no error may occur. */
  async function person(t: TestContext, options?: BrowserContextOptions): Promise<Person> {
    const person = await Person.at(browser, site.url, options)
    t.after(async () => {
      await person.context.close()
      // A page that is not there, and that was asked for, is one.
      assert.deepEqual(
        person.complaints.filter((text) => !/status of 404/.test(text)),
        [],
      )
    })
    return person
  }

  const attackAll = async (tab: Tab) => {
    await tab.press('Run all six')
    assert.match(tab.page.url(), /#attacks$/)
  }

  test('a secret that is left is found where it can be read, and nowhere else', async (t) => {
    const tab = await (await person(t)).withNote(CANARY)
    assert.match(await tab.text(), /Your note is kept on 9 of 9 engines/)
    assert.deepEqual(await tab.places(), PLACES)
    const marked = await tab.page.locator('.places summary mark').allTextContents()
    assert.deepEqual(
      marked.map((text) => CANARY.startsWith(text) || Buffer.from(text, 'base64').toString('latin1')).length,
      5,
    )
  })

  test('what the page says is true: no file of the engines on the disk holds the secret', async (t) => {
    await (await person(t)).withNote(CANARY)
    const path = join(cwd, '.strongroom')
    const files = readdirSync(path, { recursive: true, withFileTypes: true, encoding: 'utf8' })
    for (const file of files.filter(
      (entry) => entry.isFile() && !/express-session(-regenerate)?$/.test(entry.parentPath),
    ))
      assert.ok(!readFileSync(join(file.parentPath, file.name)).includes(CANARY), file.name)
  })

  test('a place opens, and shows the bytes with the secret marked', async (t) => {
    const tab = await (await person(t)).withNote(CANARY)
    const place = (name: string, where: number) =>
      tab.page
        .locator('.places > ul > li', { has: tab.page.getByRole('heading', { name: new RegExp(`^${name}\\s`) }) })
        .locator('details')
        .nth(where)
    const peer = place('express-session', 1)
    await peer.locator('summary').click()
    assert.match(await shown(peer), /\.json, at byte \d+/)
    const marked = await peer.locator('.dump .text0 .marked, .dump .text1 .marked').allTextContents()
    assert.equal(marked.sort().join('').length, CANARY.length)
    const own = place('SQLite', 1)
    await own.locator('summary').click()
    assert.match(await shown(own), /sessions\.db(?:-wal)?, at byte \d+/)
    assert.match(await shown(own), /encrypted: unreadable without its key/)
    assert.equal(await own.locator('.marked').count(), 0)
  })

  test('six attacks are performed with a button, and each engine does what its documentation says', async (t) => {
    const tab = await (await person(t)).withNote(CANARY)
    await attackAll(tab)
    assert.deepEqual(await tab.results(), RESULTS)
    // What is held looks like it: green, with a shield, and with words.
    const held = tab.page.locator('.attacks .chip.held').first()
    const color = String(
      await tab.page.evaluate("getComputedStyle(document.querySelector('.attacks .chip.held')).color"),
    )
    const [red = 0, green = 0, blue = 0] = color.match(/\d+/g)?.map(Number) ?? []
    assert.ok(green > red && green > blue, color)
    assert.equal(await held.locator('svg .body').count(), 1)
  })

  test('an attack shows what happened, step by step, the code that did it, and its page of the documentation', async (t) => {
    const tab = await (await person(t)).withNote(CANARY)
    await tab.press('Attack: Come back with the old cookie')
    assert.match(tab.page.url(), /\/attacks\/come-back\?run=[\w-]{22}$/)
    const sqlite = tab.page.locator('#sqlite')
    assert.match(
      await shown(sqlite),
      /held[\s\S]*POST \/note note=the canary[\s\S]*copies the cookie[\s\S]*nobody is signed in/,
    )
    assert.match(await shown(tab.page.locator('#express-session')), /POST \/logout/)
    await tab.page.locator('#signed-cookie summary').click()
    assert.match(await shown(tab.page.locator('#signed-cookie')), /broken, as documented[\s\S]*signed in as ada-/)
    const source = attacks.find(({ name }) => name === 'come-back')?.run.toString() ?? ''
    const lines = (text: string) => text.split('\n').map((line) => line.trim())
    assert.deepEqual(lines(await shown(tab.page.locator('.code pre'))), lines(source))
    await tab.click(tab.page.getByRole('link', { name: 'What the documentation says' }))
    assert.match(await tab.text(), /## logout/)
  })

  test('a cell of the results opens the steps of that engine', async (t) => {
    const tab = await (await person(t)).withNote(CANARY)
    await tab.press('Attack: Race twenty tabs')
    await tab.go('/')
    const row = tab.page.locator('.mine tbody tr', { hasText: 'cookie-session' })
    await tab.click(row.getByRole('link'))
    assert.equal(await tab.page.locator('.results details[open]').count(), 1)
    assert.match(await shown(tab.page.locator('#cookie-session')), /of twenty: each tab overwrote/)
  })

  test('a button that was pressed says that it is at work, and cannot be pressed again', async (t) => {
    const tab = await (await person(t)).tab()
    await tab.page.route('**/attacks/stop', () => undefined)
    let sent = 0
    tab.page.on('request', (request) => (sent += Number(request.method() === 'POST')))
    const said = await tab.page.evaluate(`(async () => {
      const button = document.querySelector('[aria-label="Attack: Stop the store"]')
      button.click()
      button.click()
      await new Promise((done) => setTimeout(done, 200))
      return [button.textContent, button.getAttribute('aria-disabled')]
    })()`)
    assert.deepEqual(said, ['Attacking …', 'true'])
    assert.equal(sent, 1)
  })

  test('a form on another site is refused', async (t) => {
    const visitor = await Person.at(browser, site.url)
    t.after(() => visitor.context.close())
    const tab = await visitor.withNote(CANARY)
    const form = `<form method="post" action="${site.url}/note"><input name="note" value="a note of the other site"><button>Win!</button></form>`
    await tab.go(`data:text/html,${encodeURIComponent(form)}`)
    await tab.press('Win!')
    assert.match(await tab.text(), /another site/)
    await tab.go(site.url)
    assert.equal(await tab.page.getByLabel('Your secret').inputValue(), CANARY)
  })

  test('no script of a page reaches a cookie, and no page asks any other machine for anything', async (t) => {
    const visitor = await person(t)
    const asked: string[] = []
    visitor.context.on('request', (request) => asked.push(new URL(request.url()).origin))
    const tab = await visitor.withNote(CANARY)
    for (const path of ['/', '/lab', '/attacks/flip', '/docs/login.md']) await tab.go(path)
    assert.deepEqual([...new Set(asked)], [site.url])
    const own = await tab.page.evaluate('document.cookie')
    assert.equal(own, '')
    const cookies = (await visitor.context.cookies()).filter(({ name }) => name.startsWith('__Host-'))
    assert.equal(cookies.length, 7)
    for (const { httpOnly, secure, sameSite, path } of cookies)
      assert.deepEqual(
        { httpOnly, secure, sameSite, path },
        { httpOnly: true, secure: true, sameSite: 'Lax', path: '/' },
      )
  })

  test('a visitor who only looks around gets no cookie', async (t) => {
    const visitor = await person(t)
    const tab = await visitor.tab('/')
    assert.match(await tab.text(), /Leave a secret above/)
    for (const path of ['/lab', '/attacks/flip', '/docs/login.md']) await tab.go(path)
    assert.deepEqual(await visitor.context.cookies(), [])
  })

  test('the lab’s matrix says what each engine keeps, and a cell opens its evidence', async (t) => {
    const tab = await (await person(t)).tab('/')
    const whole = tab.page.locator('#lab')
    assert.match(await shown(whole), /7 attacks on\s+9 engines and libraries/)
    assert.equal(await whole.locator('tbody tr').count(), 9)
    assert.equal(await whole.locator('tbody tr').first().locator('.held').count(), 7)
    await tab.click(whole.getByRole('link', { name: 'Every cell, with its evidence' }))
    const row = tab.page.locator('tbody tr', { hasText: 'django db' })
    await tab.click(row.getByRole('link', { name: 'broken' }).first())
    assert.match(
      await tab.text(),
      /on django db, by a test[\s\S]*It is broken\.[\s\S]*seen by the test\s+<b>django db<\/b> attack-on-/,
    )
  })

  test('everything works with the keyboard alone', async (t) => {
    const { page } = await (await person(t)).tab()
    const focused = () =>
      page.evaluate(
        '(document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent).trim()',
      ) as Promise<string>
    const tabTo = async (name: RegExp) => {
      for (let i = 0; i < 60 && !name.test(await focused()); i++) await page.keyboard.press('Tab')
      assert.match(await focused(), name)
      assert.notEqual(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle'), 'none')
    }
    const enter = () => Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')])
    await page.keyboard.press('Tab')
    assert.equal(await focused(), 'Skip to the content')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    await page.keyboard.type(CANARY)
    await enter()
    assert.match(await shown(page.locator('#places')), /were searched for/)
    await tabTo(/^Store found as plain text/)
    await page.keyboard.press('Enter')
    assert.equal(await page.locator('.fold[open] .dump').count(), 1)
    await tabTo(/^Attack: Plant a cookie/)
    await enter()
    assert.match(await shown(page.locator('.results')), /8 held\s*1 broken/)
  })

  test('everything works without JavaScript', async (t) => {
    const tab = await (await person(t, { javaScriptEnabled: false })).withNote(CANARY)
    assert.deepEqual(await tab.places(), PLACES)
    await tab.press('Attack: Flip a bit')
    assert.match(await tab.text(), /altered cookies and rows were sent to the application, and it used none/)
    await tab.page.locator('#memory summary').click()
    assert.match(await shown(tab.page.locator('#memory')), /cannot reach the rows/)
    await tab.go('/')
    await tab.page.locator('.places summary').first().click()
    assert.equal(await tab.page.locator('.places .dump').first().isVisible(), true)
  })

  test('on a phone the bytes and the large tables are folded, and the page is short', async (t) => {
    const visitor = await person(t, { viewport: { width: 360, height: 740 } })
    const tab = await visitor.withNote(CANARY)
    await attackAll(tab)
    await tab.go('/')
    assert.equal(await tab.page.locator('.dump:visible, .matrix:visible').count(), 0)
    // It was 3,977 pixels tall for one engine.
    const height = (await tab.page.evaluate('document.documentElement.scrollHeight')) as number
    assert.ok(height < 2700, String(height))
    await tab.page.locator('.places summary').nth(1).click()
    assert.equal(await tab.page.locator('.dump:visible').count(), 1)
    assert.equal(await tab.page.evaluate('document.documentElement.scrollWidth'), 360)
  })

  test('on a phone no verdict lies on a name, no line is one word wide, and no code is cut off', async (t) => {
    const visitor = await person(t, { viewport: { width: 360, height: 740 } })
    const tab = await visitor.tab()
    const widths = (await tab.page.evaluate(
      "[...document.querySelectorAll('.places .wide')].map((each) => each.getBoundingClientRect().width)",
    )) as number[]
    assert.ok(widths.length === 9 && Math.min(...widths) > 200, String(widths))
    await attackAll(tab)
    for (const { name } of attacks) {
      await tab.go(`/attacks/${name}`)
      assert.deepEqual(await tab.page.evaluate(OVERLAPPING), [], name)
      assert.ok(
        await tab.page.evaluate(
          `((pre) => pre.scrollHeight <= pre.clientHeight + 1)(document.querySelector('.code pre'))`,
        ),
      )
    }
  })

  test('the page of a planted cookie says what express-session’s README does, and shows it beside the login that does not', async (t) => {
    const tab = await (await person(t)).tab()
    await tab.press('Attack: Plant a cookie and log in')
    assert.match(
      await tab.text(),
      /here twice: as a login is often written, and with the call of req\.session\.regenerate\(\)/,
    )
    assert.match(await shown(tab.page.locator('#express-session')), /broken/)
    await tab.page.locator('#express-session-regenerate summary').click()
    assert.match(await shown(tab.page.locator('#express-session-regenerate')), /held[\s\S]*nobody is signed in/)
    await tab.go('/attacks/flip')
    assert.doesNotMatch(await tab.text(), /here twice/)
  })

  const PATHS = [
    '/',
    '/attacks/put-back',
    '/attacks/flip?open=file#file',
    '/lab',
    '/lab/cell?row=django+db&attack=attack-on-final',
    '/docs/login.md?section=logout',
  ]

  for (const [device, viewport] of [
    ['a phone', { width: 360, height: 740 }],
    ['a laptop', { width: 1280, height: 800 }],
    ['a large screen', { width: 3840, height: 2160 }],
  ] as const)
    test(`on ${device} nothing sticks out, also when everything is open`, async (t) => {
      const tab = await (await person(t, { viewport })).withNote('x'.repeat(200))
      await attackAll(tab)
      for (const path of PATHS) {
        await tab.go(path)
        await openAll(tab)
        assert.equal(await tab.page.evaluate('document.documentElement.scrollWidth'), viewport.width, path)
        assert.deepEqual(await tab.page.evaluate(STICKING_OUT), [], `sticks out of its panel on ${path}`)
        assert.match(await tab.page.title(), / · Strongroom$/)
        assert.equal(await tab.page.getByRole('heading', { level: 1 }).count(), 1)
      }
    })

  for (const colorScheme of ['light', 'dark'] as const)
    for (const width of [360, 1280])
      test(`axe finds nothing on any page, ${colorScheme}, ${width} pixels wide`, async (t) => {
        const viewport = { width, height: 800 }
        const tab = await (await person(t, { viewport, colorScheme, bypassCSP: true })).withNote(CANARY)
        await attackAll(tab)
        for (const path of [...PATHS, '/nowhere']) {
          await tab.go(path)
          // The dumps of every engine, with a colour for each run of bytes, would take axe half a minute: one is enough.
          await tab.page.evaluate(
            "document.querySelectorAll('.fold:not(:first-of-type)').forEach((each) => each.remove())",
          )
          await openAll(tab)
          await tab.page.addScriptTag({ content: axe.source })
          assert.deepEqual(await tab.page.evaluate(VIOLATIONS), [], path)
        }
      })
})

const openAll = (tab: Tab) =>
  tab.page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")

const VIOLATIONS = `axe.run().then(({ violations }) =>
  violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ html }) => html).join(' ').slice(0, 400)))`
