import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import { after, before, suite, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import axe from 'axe-core'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { root } from '../../scripts/packages.ts'
import { type Built, buildSite } from '../../site/build.ts'
import { pagesOf } from '../../site/navigation.ts'
import { publicEntryPoints } from '../../site/reference.ts'
import { launch, Person, shown } from '../browser/person.ts'
import { exportsOf } from '../support/docs/names.ts'
import { readPage } from '../support/docs/page.ts'
import { need } from '../support/need.ts'
import { serveFiles } from './files.ts'
import { type HtmlPage, readSite } from './html.ts'

const chromium = need('chromium')
/** Not `/`: a link that forgets where the site is would work there. */
const BASE = '/below/'

suite('the documentation site', { timeout: 500_000 }, () => {
  const out = mkdtempSync(join(tmpdir(), 'strongroom-site-'))
  let built: Built
  let site: ReadonlyMap<string, HtmlPage>
  before(async () => {
    built = await buildSite({ base: BASE, out, stage: `test-${process.pid}`, quiet: true })
    site = readSite(out)
  })
  after(() => {
    rmSync(out, { recursive: true, force: true })
    if (built) rmSync(built.stage, { recursive: true, force: true })
  })

  const htmlOf = (file: string): HtmlPage => {
    const page = site.get((built.places.get(file) ?? '').replace(/\.md$/, '.html'))
    assert.ok(page, `${file} has no page`)
    return page
  }

  suite('its pages', () => {
    test('every page of docs/ is in a section of the navigation, by docs/README.md', () => {
      const listed = pagesOf(built.sections)
      // The index is below the sections, and the start page is behind the name of the site.
      const without = [...built.places.keys()].filter((file) => !listed.includes(file))
      assert.deepEqual(without.sort(), ['docs/README.md', 'site/home.md'])
      assert.deepEqual(
        listed.filter((file) => !built.places.has(file)),
        [],
      )
    })

    test('every page is in the sidebar, except sources, to which pages lead', () => {
      const sidebar = /<aside class="VPSidebar"[\s\S]*?<\/aside>/.exec(htmlOf('docs/options.md').html)?.[0] ?? ''
      const reached = new Set([...sidebar.matchAll(/href="([^"]+)"/g)].map(([, href = '']) => href))
      const unreachable = [...site.keys()].filter((path) => {
        if (['index.html', '404.html'].includes(path) || path.startsWith('source/')) return false
        // Part of a module: the page of the module leads to it.
        if (path.includes('/namespaces/')) return false
        return !reached.has(BASE + path) && !reached.has(BASE + path.replace(/index\.html$/, ''))
      })
      assert.deepEqual(unreachable, [])
    })

    test('every link leads to a page that is there, and every anchor to a heading', () => {
      const problems = [...site.values()].flatMap((page) =>
        page.path === '404.html' ? [] : page.targets.flatMap((target) => problemOf(target, page)),
      )
      assert.deepEqual([...new Set(problems)], [])
    })

    function problemOf(target: string, from: HtmlPage): string[] {
      if (/^(?:https?|mailto):/.test(target)) return URL.canParse(target) ? [] : [`${from.path}: ${target}`]
      if (target.startsWith('data:')) return []
      const url = new URL(target, `http://site${BASE}${from.path}`)
      if (!url.pathname.startsWith(BASE)) return [`${from.path}: ${target} is not below ${BASE}`]
      const path = decodeURIComponent(url.pathname.slice(BASE.length)).replace(/(^|\/)$/, '$1index.html')
      if (!existsSync(join(out, path))) return [`${from.path}: ${target}: there is no ${path}`]
      const anchor = decodeURIComponent(url.hash.slice(1))
      return anchor === '' || site.get(path)?.ids.has(anchor) ? [] : [`${from.path}: ${target}: no such heading`]
    }

    test('the anchors are those of GitHub', () => {
      for (const file of built.places.keys()) {
        if (file === 'site/home.md') continue
        const { ids } = htmlOf(file)
        assert.deepEqual(
          [...readPage(file).anchors].filter((anchor) => !ids.has(anchor)),
          [],
          file,
        )
      }
    })

    test('comments that only tests read are not shown, nor is anything that Vue would have made of braces and tags', () => {
      for (const { path, html } of site.values()) {
        // It says how comments are written.
        if (path.startsWith('source/') || path === 'contributing.html') continue
        assert.doesNotMatch(html, /(?:<|&lt;)!-- *(?:before|try|file|lab|figures)\b/, path)
      }
      assert.match(htmlOf('docs/nuxt.md').html, /\{\{ me\?\.user/)
      assert.doesNotMatch(htmlOf('docs/express.md').html, /GET \/: 200/)
      assert.match(htmlOf('docs/cli.md').html, /strongroom &lt;command&gt; --help/)
    })

    test('a link to a file of the repository shows its source', () => {
      const { html } = site.get('source/examples/koa.ts.html') ?? { html: '' }
      assert.match(html, /createSessions/)
      assert.ok(htmlOf('docs/koa.md').targets.some((target) => target.endsWith('source/examples/koa.ts.html')))
    })

    test('a picture has the one of each theme', () => {
      const { html } = htmlOf('docs/studio.md')
      assert.match(html, /<img class="only-light"[^>]*src="[^"]*studio-lab-light[^"]*\.webp"/)
      assert.match(html, /<img class="only-dark"[^>]*src="[^"]*studio-lab-dark[^"]*\.webp"/)
    })

    test('the start page has the quick start and the engines of README.md, and a way for every framework', () => {
      const { html } = site.get('index.html') ?? { html: '' }
      assert.match(html.replace(/<[^>]+>/g, ''), /npm install strongroom express/)
      assert.match(html, /cached, redis over sqlite/)
      for (const name of ['Express', 'Fastify', 'Next', 'Django', 'Astro'])
        assert.match(html, new RegExp(`>${name}</a>`))
    })
  })

  suite('the reference', () => {
    test('has an entry for every export of every package, on the page of what is imported', () => {
      for (const [specifier, file] of publicEntryPoints()) {
        const paths = [`reference/${specifier}.html`, `reference/${specifier}/index.html`]
        const page = paths.map((path) => site.get(path)).find((each) => each !== undefined)
        assert.ok(page, specifier)
        const lacking = exportsOf(file).filter(
          (name) => !hasEntry(page, name) && !ELSEWHERE.has(`${specifier} ${name}`),
        )
        assert.deepEqual(lacking, [], specifier)
      }
    })

    /** Types of other libraries, which describe them. */
    const ELSEWHERE = new Set(['strongroom/express-session SessionData'])
    const hasEntry = ({ ids }: HtmlPage, name: string) =>
      ['', 'abstract-'].some((before) => ids.has(before + name.toLowerCase()))

    test('says something about every export', () => {
      const silent = built.exports.filter(({ documented }) => !documented)
      assert.deepEqual(
        silent.map(({ specifier, name }) => `${specifier} ${name}`),
        [],
      )
      assert.ok(built.exports.length > 300)
    })

    test('links types to their entries, and leaves out what is internal', () => {
      const { html } = site.get('reference/strongroom/express.html') ?? { html: '' }
      assert.match(html, /href="[^"]*strongroom\.html#basesessions"/)
      assert.ok(![...site.keys()].some((path) => path.includes('internal')))
    })
  })

  suite('in a browser', { skip: chromium.skip, timeout: 400_000 }, () => {
    const MAIN = ['', 'express.html', 'engines.html', 'security.html', 'options.html', 'glossary.html', 'demo.html']
    const REFERENCE = ['reference/strongroom/redis.html']
    let browser: Browser
    let files: { server: Server; origin: string }
    before(async () => {
      browser = await launch(chromium.path)
      files = await serveFiles(out, BASE)
    })
    after(async () => {
      await browser?.close()
      files?.server.close()
    })

    /** A reader in whose browser no error may occur, and which asks no other host for anything. */
    async function reader(t: TestContext, options: BrowserContextOptions = {}): Promise<Page> {
      const person = await Person.at(browser, files.origin + BASE, options)
      const elsewhere: string[] = []
      person.context.on('request', (request) => {
        if (!request.url().startsWith(files.origin) && !/^(?:data|blob):/.test(request.url()))
          elsewhere.push(request.url())
      })
      t.after(async () => {
        await person.context.close()
        assert.deepEqual([person.complaints, elsewhere], [[], []])
      })
      return person.context.newPage()
    }

    /** Opens a page, and waits until its scripts have taken it over: before, nothing listens to keys and buttons. */
    async function open(page: Page, path: string): Promise<void> {
      await page.goto(path)
      await page.waitForFunction("document.querySelector('#app').__vue_app__ !== undefined")
    }

    for (const colorScheme of ['light', 'dark'] as const)
      test(`axe finds nothing serious, and no page is wider than a phone (${colorScheme})`, async (t) => {
        const page = await reader(t, { colorScheme, viewport: { width: 360, height: 740 } })
        await page.goto('reference/strongroom.html')
        assert.ok(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'))
        for (const path of [...MAIN, ...REFERENCE]) {
          await page.goto(path)
          assert.equal(
            await page.evaluate('document.documentElement.classList.contains("dark")'),
            colorScheme === 'dark',
          )
          assert.ok(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), `${path} is too wide`)
          assert.deepEqual(await seriousProblems(page), [], path)
        }
      })

    test('axe finds nothing serious on a desktop, with the menus open', async (t) => {
      const page = await reader(t, { viewport: { width: 1280, height: 900 } })
      for (const path of ['', 'redis.html']) {
        await page.goto(path)
        assert.deepEqual(await seriousProblems(page), [], path)
      }
    })

    test('the search finds "revoke", with nothing behind it but files, and leads to the heading', async (t) => {
      const page = await reader(t)
      await open(page, '')
      const input = page.locator('.VPLocalSearchBox input')
      // Again if it was not heard: a browser drops keys that come before it has drawn the page.
      for (; !(await input.isVisible()); await delay(100)) await page.keyboard.press('Control+k')
      await input.fill('revoke')
      const first = page.locator('.VPLocalSearchBox .result').first()
      assert.match(await shown(first), /revoke/i)
      await first.click()
      await page.waitForURL(/\.html#/)
      const heading = page.locator(`[id="${decodeURIComponent(new URL(page.url()).hash.slice(1))}"]`)
      assert.match(await shown(heading), /revok/i)
    })

    test('a reader chooses the other theme, and it holds on the next page', async (t) => {
      const page = await reader(t, { colorScheme: 'light', viewport: { width: 1280, height: 900 } })
      const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor')
      await open(page, 'demo.html')
      const light = await ground()
      // Pictures are loaded when they are needed, and have no size before.
      await page.locator('img.only-light').first().waitFor()
      await page.locator('.VPNavBarAppearance .VPSwitchAppearance').click()
      const dark = await ground()
      assert.notEqual(dark, light)
      await page.locator('img.only-dark').first().waitFor()
      assert.ok(!(await page.locator('img.only-light').first().isVisible()))
      await page.goto('security.html')
      assert.equal(await ground(), dark)
    })

    test('a code block is copied whole', async (t) => {
      const page = await reader(t, { permissions: ['clipboard-read', 'clipboard-write'] })
      await open(page, 'node.html')
      const block = page.locator('.vp-doc div[class*="language-"]').first()
      await block.hover()
      await block.locator('button.copy').click()
      await block.locator('button.copied').waitFor()
      const copied = await page.evaluate('navigator.clipboard.readText()')
      assert.equal(copied, readPage('docs/node.md').blocks[0]?.code)
    })
  })

  test('a file of data is there as it is', () => {
    assert.equal(
      readFileSync(join(out, 'files/docs/benchmarks.jsonl'), 'utf8'),
      readFileSync(join(root, 'docs/benchmarks.jsonl'), 'utf8'),
    )
    assert.ok(htmlOf('docs/benchmarks.md').targets.includes(posix.join(BASE, 'files/docs/benchmarks.jsonl')))
  })
})

/** What axe finds to be serious, a line each. */
async function seriousProblems(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const found = (await page.evaluate('axe.run(document)')) as axe.AxeResults
  return found.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))
}
