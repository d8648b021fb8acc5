import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Locator,
  type Page,
} from 'playwright-core'

export const launch = (executablePath: string): Promise<Browser> =>
  chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })

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
    context.setDefaultTimeout(20_000)
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

  async signedIn(name: string, path = '/'): Promise<Tab> {
    const tab = await this.tab(`/sign-in?next=${path}`)
    await tab.signIn(name)
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

  add(article: string): Promise<void> {
    return this.press(`Add ${article} to the basket`)
  }

  async keepNote(text: string): Promise<void> {
    await this.page.getByLabel('A note for the parcel').fill(text)
    await this.press('Keep the note')
  }

  async signIn(name: string): Promise<void> {
    await this.page.getByLabel('Your name').fill(name)
    await this.press('Sign in')
  }

  /** The visible text of the page. */
  text(): Promise<string> {
    return shown(this.page.locator('body'))
  }

  /** Lines such as "2 × Cash box". */
  async basket(): Promise<string[]> {
    const lines = await this.page.locator('#basket .lines > li').all()
    return Promise.all(
      lines.map(async (line) => `${await shown(line.locator('output'))} × ${await shown(line.locator('.what'))}`),
    )
  }

  /** The name at the top of the page, or null when nobody is signed in. */
  async user(): Promise<string | null> {
    const name = this.page.locator('.who .name')
    return (await name.count()) > 0 ? shown(name) : null
  }
}
