/**
 * `node scripts/pictures.ts` takes the pictures of docs/demo.md, docs/studio.md and CONTRIBUTING.md, from the demo, the studio and the
 * documentation site as they are now, with the recorded run of the lab and the fonts of this machine. A word takes
 * only those: `node scripts/pictures.ts studio`.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { Camera } from './pictures/camera.ts'
import { demoPictures } from './pictures/demo.ts'
import { sitePictures } from './pictures/site.ts'
import { studioPictures } from './pictures/studio.ts'
import { find } from './programs.mjs'

const SETS = { demo: demoPictures, studio: studioPictures, site: sitePictures }

const executablePath = find('chromium')
if (!executablePath) throw new Error('Chromium is not installed: sudo apt-get install chromium')
const words = process.argv.slice(2)
const unknown = words.find((word) => !Object.hasOwn(SETS, word))
if (unknown !== undefined)
  throw new Error(`There are no pictures of "${unknown}". Known: ${Object.keys(SETS).join(', ')}.`)

const folder = mkdtempSync(join(tmpdir(), 'strongroom-pictures-'))
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
try {
  const camera = new Camera(browser)
  for (const [name, take] of Object.entries(SETS))
    if (words.length === 0 || words.includes(name)) await take(camera, folder)
} finally {
  await browser.close()
  rmSync(folder, { recursive: true, force: true })
}
