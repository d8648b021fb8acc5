import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { root } from '../packages.ts'

export const LAPTOP = { width: 1280, height: 800 }
export const PHONE = { width: 360, height: 740 }

/** How much of a page, by selectors: from the top of one element, or of the page, to the bottom of another; or so many pixels. */
export interface Part {
  readonly from?: string
  readonly to: string | number
}

/** Beside what is shown, in pixels. */
const MARGIN = 16

/** Takes pictures for docs/images, and prints how large each is. */
export class Camera {
  readonly #browser: Browser

  constructor(browser: Browser) {
    this.#browser = browser
  }

  async page(options: BrowserContextOptions): Promise<Page> {
    // Without it, a picture may be of a colour between two themes.
    return (await this.#browser.newContext({ reducedMotion: 'reduce', ...options })).newPage()
  }

  async take(page: Page, name: string, { from, to }: Part): Promise<void> {
    const width = page.viewportSize()?.width ?? 0
    const edge = async (selector: string, side: 'top' | 'bottom') =>
      Number(await page.evaluate(`document.querySelector('${selector}').getBoundingClientRect().${side} + scrollY`))
    const y = from === undefined ? 0 : (await edge(from, 'top')) - MARGIN
    const height = typeof to === 'number' ? to : (await edge(to, 'bottom')) + MARGIN - y
    const png = await page.screenshot({ fullPage: true, clip: { x: 0, y, width, height } })
    const bytes = await this.#webp(png)
    writeFileSync(join(root, 'docs/images', `${name}.webp`), bytes)
    console.log(`docs/images/${name}.webp  ${Math.round(bytes.length / 1024)} KB`)
  }

  /** The same page in both themes: NAME-light and NAME-dark. The browser's own setting, so that the page is what a visitor sees. */
  async takeBoth(page: Page, name: string, part: Part): Promise<void> {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await this.take(page, `${name}-${colorScheme}`, part)
    }
  }

  /** Half as large as a PNG. The browser encodes it, on a page of its own that has no policy. */
  async #webp(png: Buffer): Promise<Buffer> {
    const page = await this.page({})
    const url = await page.evaluate(`(async () => {
      const picture = await createImageBitmap(await (await fetch('data:image/png;base64,${png.toString('base64')}')).blob())
      const canvas = document.createElement('canvas')
      canvas.width = picture.width
      canvas.height = picture.height
      canvas.getContext('2d').drawImage(picture, 0, 0)
      return canvas.toDataURL('image/webp', 0.75)
    })()`)
    await page.context().close()
    return Buffer.from(String(url).split(',')[1] ?? '', 'base64')
  }
}

/** Presses a button, and waits for the page that it leads to. */
export async function press(page: Page, name: string): Promise<void> {
  await Promise.all([page.waitForEvent('load'), page.getByRole('button', { name }).click()])
}
