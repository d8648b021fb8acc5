import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, suite, type TestContext, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import type { SiteData } from '../../packages/strongroom/src/index.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { need } from '../support/need.ts'
import { launch } from './person.ts'

const chromium = need('chromium')

/** A page that has stored something in the browser, and what is left of that after a logout. */
async function leftAfterLogout(t: TestContext, browser: Browser, clearSiteData: readonly SiteData[]) {
  const sessions = createSessions({ store: memory(), secrets: randomBytes(32), sweep: false })
  const server = createServer(
    withSessions(sessions, async (request, response) => {
      const session = await sessions.get(request)
      if (request.url === '/login') session.login('ada')
      if (request.url === '/logout') session.logout({ clearSiteData })
      if (request.url === '/login') response.appendHeader('Set-Cookie', 'theme=dark; Path=/')
      response.setHeader('content-type', 'text/html').end(`<p>${session.userId}</p>`)
    }),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const context = await browser.newContext()
  t.after(async () => {
    await context.close()
    server.close()
  })
  const tab = await context.newPage()
  // Browsers take any name below "localhost" for as safe as https.
  const visit = (path: string) => tab.goto(`http://www.shop.localhost:${(server.address() as AddressInfo).port}${path}`)
  await visit('/login')
  await tab.evaluate(() => localStorage.setItem('draft', 'a letter'))
  await visit('/logout')
  const draft = await tab.evaluate(() => localStorage.getItem('draft'))
  return { draft, cookies: (await context.cookies()).map(({ name }) => name) }
}

suite('a logout, in a browser', { skip: chromium.skip, timeout: 600_000 }, () => {
  let browser: Browser
  before(async () => {
    browser = await launch(chromium.path)
  })
  after(() => browser?.close())

  test('leaves what the page has stored, unless it clears the storage, and never removes other cookies unasked', async (t) => {
    assert.deepEqual(await leftAfterLogout(t, browser, []), { draft: 'a letter', cookies: ['theme'] })
    assert.deepEqual(await leftAfterLogout(t, browser, ['storage']), { draft: null, cookies: ['theme'] })
    assert.deepEqual(await leftAfterLogout(t, browser, ['cookies']), { draft: 'a letter', cookies: [] })
  })
})
