import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Locator,
  type Page,
} from 'playwright-core'

/** For a browser that asks no other host for anything. */
export const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export const launch = (executablePath: string): Promise<Browser> => chromium.launch({ executablePath, args: QUIET })

/** The visible text of an element. */
// biome-ignore lint/performance/useDomNodeTextContent: textContent includes what is hidden
export const shown = (at: Locator): Promise<string> => at.innerText()

/** A browser profile of its own, and what went wrong in it: console errors, script errors, and violations of the CSP. */
export class Person {
  readonly context: BrowserContext
  readonly complaints: string[] = []

  private constructor(context: BrowserContext) {
    this.context = context
    context.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') this.complaints.push(message.text())
    })
    context.on('weberror', (error) => this.complaints.push(error.error().message))
    context.setDefaultTimeout(60_000)
  }

  static async at(browser: Browser, baseURL: string, options: BrowserContextOptions = {}): Promise<Person> {
    return new Person(await browser.newContext({ baseURL, ...options }))
  }

  /** A new tab that shows a page of the demo. */
  async tab(path = '/'): Promise<Tab> {
    const tab = new Tab(await this.context.newPage())
    await tab.go(path)
    return tab
  }

  /** With a note that is kept on every engine. */
  async withNote(note: string): Promise<Tab> {
    const tab = await this.tab()
    await tab.keepNote(note)
    return tab
  }

  /** The session cookie as the browser stores it, or undefined. */
  async cookie() {
    return (await this.context.cookies()).find(({ name }) => name === '__Host-id')
  }
}

export class Tab {
  readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  async go(path: string): Promise<void> {
    await this.page.goto(path)
  }

  /** Clicks, and waits for the page that it leads to. */
  async click(target: Locator): Promise<void> {
    await Promise.all([this.page.waitForEvent('load'), target.click()])
  }

  button(name: string | RegExp): Locator {
    return this.page.getByRole('button', { name, ...(typeof name === 'string' && { exact: true }) })
  }

  async press(name: string | RegExp): Promise<void> {
    await this.click(this.button(name))
  }

  async keepNote(text: string): Promise<void> {
    await this.page.getByLabel('Your secret').fill(text)
    await this.press(/every engine|instead/)
  }

  /** The visible text of the page. */
  text(): Promise<string> {
    return shown(this.page.locator('body'))
  }

  /** What the page says of a note at each engine: "SQLite: not found, not found". */
  async places(): Promise<string[]> {
    const rows = await this.page.locator('.places > ul > li').all()
    return Promise.all(
      rows.map(async (row) => {
        const name = (await shown(row.locator('h3'))).split('\n')[0]?.trim()
        // A phone shows the marks without their words, which are there for a screen reader.
        const words = await row.locator('.chip').allTextContents()
        return `${name}: ${words.map((text) => text.trim()).join(', ')}`
      }),
    )
  }

  /** What the visitor's attacks have found, by engine, in the order of the attacks. */
  async results(): Promise<string[]> {
    const rows = await this.page.locator('.mine tbody tr').all()
    return Promise.all(
      rows.map(async (row) => {
        const cells = await row.locator('td').allTextContents()
        return `${await row.locator('th').textContent()}: ${cells.map((text) => text.trim()).join(', ')}`
      }),
    )
  }
}
