import assert from 'node:assert/strict'
import { after, before, suite, type TestContext, test } from 'node:test'
import { type FiguresPanel, type ServedStudio, serveStudio } from '@strongroom/studio'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { shop } from '../studio/browserless.ts'
import { figuresSnapshot } from '../studio/panels.ts'
import { need } from '../support/need.ts'
import { launch, Person, shown, type Tab } from './person.ts'

const chromium = need('chromium')

/** In which share of the columns of pixels of the first chart is there a line? */
const COLUMNS = `(() => {
  const canvas = document.querySelector('[data-chart="live"] canvas')
  const { width, height } = canvas
  const { data } = canvas.getContext('2d').getImageData(0, 0, width, height)
  const isLine = (at) => data[at + 1] - data[at] > 40 && data[at + 3] > 200
  const has = (x) => Array.from({ length: height }, (_, y) => (y * width + x) * 4).some(isLine)
  return Array.from({ length: width }, (_, x) => has(x)).filter(Boolean).length / width
})()`

suite('the figures of the studio in a browser', { skip: chromium.skip, timeout: 600_000 }, () => {
  let browser: Browser
  before(async () => {
    browser = await launch(chromium.path)
  })
  after(() => browser?.close())

  /** Somebody who looks at these figures, and the studio that shows them. */
  async function open(
    t: TestContext,
    panel: FiguresPanel,
    options: BrowserContextOptions = {},
  ): Promise<{ studio: ServedStudio; tab: Tab; page: Page }> {
    const studio = await serveStudio(shop(), { figures: panel })
    const person = await Person.at(browser, studio.origin, { colorScheme: 'light', ...options })
    t.after(async () => {
      await person.context.close()
      await studio.close()
    })
    const tab = await person.tab(studio.link())
    await tab.page.waitForURL(`${studio.url}/`)
    await tab.go(`${studio.url}/figures`)
    return { studio, tab, page: tab.page }
  }

  test('charts are drawn and follow; Pause holds them', async (t) => {
    const { page } = await open(t, { snapshot: async () => figuresSnapshot(Date.now()) })
    await page.waitForSelector('[data-chart="latency"] canvas')
    assert.equal(await page.locator('.chart canvas').count(), 5)
    // The legend has numbers before anybody points anywhere.
    assert.match(await shown(page.locator('.chart').first().locator('.u-legend')), /live\s*[\d,]+/)
    await page.getByRole('button', { name: 'Pause' }).click()
    assert.equal(await page.getByRole('button', { name: 'Go on' }).getAttribute('aria-pressed'), 'true')
  })

  test('without scripts there is a table of the same numbers', async (t) => {
    const panel = { snapshot: async () => figuresSnapshot(Date.now()) }
    const { studio, tab, page } = await open(t, panel, { javaScriptEnabled: false })
    await tab.go(`${studio.url}/figures?range=day`)
    assert.equal(await page.locator('canvas').count(), 0)
    assert.equal(await page.getByRole('button', { name: 'Pause' }).count(), 0)
    await page.getByText('Live entries as a table').click()
    assert.equal(await page.locator('.chart').first().locator('tbody tr').count(), 24)
  })

  test('what is looked at each minute is a line, and where nobody has looked for long is a gap', async (t) => {
    let snapshot = figuresSnapshot(Date.now())
    const { studio, tab, page } = await open(t, { snapshot: async () => snapshot })
    const drawn = async () => {
      await tab.go(`${studio.url}/figures`)
      await page.waitForSelector('[data-chart="live"] canvas')
      return (await page.evaluate(COLUMNS)) as number
    }
    const whole = await drawn()
    assert.ok(whole > 0.7, `${whole} of the width`)
    const { hour } = snapshot
    const where = (isKnown: (at: number) => boolean) => {
      const points = hour.points.map((point, at) => (isKnown(at) ? point : { ...point, live: null }))
      snapshot = { ...snapshot, hour: { ...hour, points } }
    }
    where((at) => at <= 90 || at >= 270)
    const half = await drawn()
    assert.ok(half > whole * 0.3 && half < whole * 0.7, `${half} of ${whole}`)
    // Two looks, half an hour apart: two dots, although nobody has looked more often.
    where((at) => at === 96 || at === 276)
    const dots = await drawn()
    assert.ok(dots > 0 && dots < 0.1, `${dots} of the width`)
  })

  test('figures that do not follow any more say so: when the store is away, and when the studio is', async (t) => {
    const snapshot = figuresSnapshot(Date.now())
    let problem: string | null = null
    const { studio, page } = await open(t, { snapshot: async () => ({ ...snapshot, problem }) })
    await page.waitForSelector('.u-wrap')
    const alert = page.getByRole('alert')
    assert.equal(await alert.count(), 0)
    problem = 'The store is away.'
    await alert.filter({ hasText: 'The store is away.' }).waitFor()
    problem = null
    await alert.waitFor({ state: 'hidden' })
    await studio.close()
    await alert.filter({ hasText: 'The studio does not answer. What you see is older.' }).waitFor()
  })
})
