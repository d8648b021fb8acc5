/** `node scripts/pictures.ts`: takes the pictures of docs/demo.md, from the demo as it is now, with the fonts of this machine. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import { Demo } from '../test/browser/running.ts'
import { root } from './packages.ts'
import { find } from './programs.mjs'

const NOTE = 'the canary sings under the third flowerpot'
const LAPTOP = { width: 1280, height: 800 }
const PHONE = { width: 360, height: 740 }

const executablePath = find('chromium')
if (!executablePath) throw new Error('Chromium is not installed: sudo apt-get install chromium')
const folder = mkdtempSync(join(tmpdir(), 'strongroom-pictures-'))
const demo = new Demo(folder, ['--port', '0'])
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
try {
  const page = await (await browser.newContext({ baseURL: await demo.address(), viewport: LAPTOP })).newPage()
  await page.goto('/')
  await page.getByLabel('Your secret').fill(NOTE)
  await press(page, 'Keep it on every engine')
  await page.goto('/')
  await take(page, 'demo-start', { y: 0, height: 960 })
  await press(page, 'Run all six')
  await page.goto('/attacks/plant')
  await take(page, 'demo-attack', { y: 0, height: 1060 })
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.setViewportSize(PHONE)
  await page.goto('/')
  await page.locator('.phone-fold > summary').first().click()
  const top = Number(await page.evaluate("document.querySelector('#attacks').offsetTop"))
  await take(page, 'demo-phone', { y: top - 16, height: 980 })
} finally {
  await browser.close()
  await demo.stop()
  rmSync(folder, { recursive: true, force: true })
}

async function press(page: Page, name: string): Promise<void> {
  await Promise.all([page.waitForEvent('load'), page.getByRole('button', { name }).click()])
}

async function take(page: Page, name: string, { y, height }: { y: number; height: number }): Promise<void> {
  const width = page.viewportSize()?.width ?? 0
  const path = join(root, 'docs/images', `${name}.png`)
  await page.screenshot({ path, fullPage: true, clip: { x: 0, y, width, height } })
}
