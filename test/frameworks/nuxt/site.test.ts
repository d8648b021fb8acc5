import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { WebSocket } from 'ws'
import { type Client, http1 } from '../../../packages/strongroom/src/testing/adapter/client.ts'
import { Visitor } from '../../../packages/strongroom/src/testing/adapter/visitor.ts'
import { root } from '../../../scripts/packages.ts'
import { launch } from '../../browser/person.ts'
import { ran, type Server, served } from '../../bundlers/program.ts'
import { need } from '../../support/need.ts'
import { type NuxtProject, nuxtProject } from './project.ts'

const chromium = need('chromium')

/** What an application may have beside the example, and what goes wrong in it. */
const MORE: Readonly<Record<string, string>> = {
  'server/api/large.post.ts': `export default defineEventHandler(async (event) => {
    const session = await sessions.get(event)
    session.set('visits', 'x'.repeat(100_000) as never)
    return sendRedirect(event, '/', 303)
  })`,
  'server/api/gone.post.ts': `export default defineEventHandler(async (event) => {
    const session = await sessions.get(event)
    session.set('visits', 100)
    await sessions.of(session.userId ?? '').revokeAll()
    return { saved: true }
  })`,
  'server/api/fail.post.ts': `export default defineEventHandler(async (event) => {
    const session = await sessions.get(event)
    session.set('visits', 100)
    if (getQuery(event).logout) session.logout()
    throw createError({ statusCode: Number(getQuery(event).status), message: 'As it was asked for.' })
  })`,
  'server/api/cached.get.ts': `export default defineCachedEventHandler(async (event) => {
    return (await sessions.get(event)).userId
  }, { maxAge: 60 })`,
  'server/api/cached-within.get.ts': `export default defineCachedEventHandler(async (event) => {
    const response = await event.fetch('/api/me')
    return response.json()
  }, { maxAge: 60 })`,
  'server/api/token.get.ts': `export default defineEventHandler(async (event) => {
    const session = await sessions.get(event)
    session.set('visits', 100)
    return sessions.csrfToken(event)
  })`,
  'server/api/cached-token.get.ts': `export default defineCachedEventHandler(async (event) => {
    const response = await event.fetch('/api/token')
    return response.text()
  }, { maxAge: 60 })`,
  'server/api/who.get.ts': `export default defineEventHandler(async (event) => {
    const { userId: user } = await sessions.get(event)
    return { user }
  })`,
  'server/api/alone.get.ts': "export default defineEventHandler(() => $fetch('/api/me'))",
  'server/api/own.get.ts': `export default defineEventHandler(async (event) => {
    const own = await useSession(event, { password: 'the password of the session that h3 has itself' })
    await own.update({ n: (own.data.n ?? 0) + 1 })
    const session = await sessions.get(event)
    return [own.data.n, session.update('visits', (visits = 0) => visits + 1)]
  })`,
  'server/api/stream.get.ts': `export default defineEventHandler(async (event) => {
    const session = await sessions.get(event)
    session.set('visits', getQuery(event).large ? 'x'.repeat(100_000) as never : 7)
    return new ReadableStream({
      async pull(controller) {
        const late = await Promise.resolve().then(() => session.set('visits', 8)).then(() => 'changed', (error) => error.name)
        controller.enqueue(new TextEncoder().encode(late))
        controller.close()
      },
    }, { highWaterMark: 0 })
  })`,
  'server/routes/live.ts': `export default defineWebSocketHandler({
    async upgrade(request) {
      const { userId } = await sessions.read(request)
      if (!userId) throw new Response('Sign in.', { status: 401 })
    },
    async open(peer) {
      const { userId } = await sessions.read(peer.request)
      peer.send('hello ' + userId)
    },
  })`,
  'app/pages/many.vue': `<script setup lang="ts">
    const [one, two] = await Promise.all([useFetch('/api/me', { key: 'one' }), useFetch('/api/me', { key: 'two' })])
    </script><template><p>visits {{ one.data.value?.visits }} {{ two.data.value?.visits }}</p></template>`,
  'app/pages/broken.vue': `<script setup lang="ts">
    await useFetch('/api/me')
    throw createError({ statusCode: 500, message: 'The page is broken.', fatal: true })
    </script><template><p>never</p></template>`,
  'app/error.vue': `<script setup lang="ts">
    const { error } = defineProps<{ error: { statusCode: number } }>()
    const { data: me } = await useFetch('/api/who')
    </script><template><p>Error {{ error.statusCode }} for {{ me?.user ?? 'nobody' }}</p></template>`,
}

suite('the example of Nuxt', { timeout: 300_000, skip: chromium.skip }, () => {
  let project: NuxtProject
  let server: Server
  let browser: Browser
  let client: Client
  before(async () => {
    project = nuxtProject()
    await project.copy('examples/nuxt')
    for (const [file, text] of Object.entries(MORE)) project.write(file, text)
    project.build('node-server')
    const variables = {
      NITRO_PORT: '0',
      NITRO_HOST: '127.0.0.1',
      STORE: 'sqlite:./sessions.db',
      STRONGROOM_SECRETS: 'Zk3x9QvT1mN7bR5cW8yL2pD6'.repeat(2),
    }
    server = await served(project.folder, ['.output/server/index.mjs'], variables, /Listening/)
    client = http1(server.url)
    browser = await launch(chromium.path)
  })
  after(async () => {
    await browser?.close()
    client?.close()
    await server?.stop()
    project?.remove()
  })

  /** A browser of its own. */
  async function person(): Promise<Page> {
    const context = await browser.newContext({ baseURL: server.url.replace('127.0.0.1', 'localhost') })
    return context.newPage()
  }

  async function signIn(page: Page, user: string): Promise<void> {
    await page.goto('/')
    await page.getByLabel('Name').fill(user)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText(`Hello, ${user}!`).waitFor()
  }

  /** Somebody without a browser, who has signed in. */
  async function visitor(user?: string): Promise<Visitor> {
    const someone = new Visitor(client)
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    if (user) await someone.ask('/api/login', { method: 'POST', headers: form, body: `user=${user}` })
    return someone
  }

  const visits = async (someone: Visitor) => JSON.parse((await someone.must('/api/me')).text).visits

  test('shows who has signed in, on a page from the server and after a navigation in the browser', async () => {
    const page = await person()
    await signIn(page, 'ada')
    assert.match(await (await page.request.get('/')).text(), /Hello, ada!/)
    await page.getByRole('link', { name: 'Devices' }).click()
    await page.getByText('this device').waitFor()
    await page.getByRole('link', { name: 'Home' }).click()
    await page.getByText('Hello, ada!').waitFor()
  })

  test('shows a flash message once', async () => {
    const page = await person()
    await signIn(page, 'bea')
    assert.equal(await page.getByRole('status').textContent(), 'Welcome, bea!')
    await page.reload()
    await page.getByText('Hello, bea!').waitFor()
    assert.equal(await page.getByRole('status').count(), 0)
  })

  test('ends the session of another browser, whose next page and next request know', async () => {
    const [here, there] = [await person(), await person()]
    await signIn(here, 'cleo')
    await signIn(there, 'cleo')
    await here.goto('/devices')
    await here.getByRole('button', { name: 'End' }).click()
    await here.getByText('this device').waitFor()
    assert.equal(await here.getByRole('button', { name: 'End' }).count(), 0)
    // By a request of the page that is still open, and by a page from the server.
    await there.getByRole('link', { name: 'Devices' }).click()
    await there.getByText('Sign in to see your devices.').waitFor()
    await there.goto('/')
    await there.getByText('Hello, stranger!').waitFor()
  })

  test('signs out', async () => {
    const page = await person()
    await signIn(page, 'dora')
    const cookies = await page.context().cookies()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByText('Hello, stranger!').waitFor()
    const copied = { cookie: cookies.map(({ name, value }) => `${name}=${value}`).join('; ') }
    assert.match(await (await fetch(server.url, { headers: copied })).text(), /Hello, stranger!/)
  })

  test('what a page requests of its own server has the session of the page, which saves it once', async () => {
    const someone = await visitor()
    const page = await someone.must('/many')
    assert.equal(page.all('set-cookie').length, 1)
    assert.deepEqual(/visits (\d) (\d)/.exec(page.text)?.slice(1).sort(), ['1', '2'])
    assert.equal(await visits(someone), 3)
  })

  test('a page that fails saves nothing of what its own requests have changed', async () => {
    const someone = await visitor()
    assert.equal(await visits(someone), 1)
    assert.equal((await someone.ask('/broken', { headers: HTML })).status, 500)
    assert.equal((await someone.ask('/api/fail?status=500', { method: 'POST' })).status, 500)
    assert.equal(await visits(someone), 2)
  })

  test('the error page has the status of a save that failed, and may read the session', async () => {
    const someone = await visitor('eve')
    const large = await someone.ask('/api/large', { method: 'POST', headers: HTML })
    assert.deepEqual([large.status, large.header('location')], [500, undefined])
    assert.match(large.text, /Error (?:<!-- -->)?500(?:<!-- -->)? for (?:<!-- -->)?eve/)
    const gone = await someone.ask('/api/gone', { method: 'POST', headers: HTML })
    assert.equal(gone.status, 409)
    assert.match(gone.text, /Error (?:<!-- -->)?409(?:<!-- -->)? for (?:<!-- -->)?nobody/)
    const asked = await (await visitor('eve')).ask('/api/gone', { method: 'POST' })
    assert.deepEqual([asked.status, JSON.parse(asked.text).statusCode], [409, 409])
    assert.doesNotMatch(large.text + gone.text, /saved/)
  })

  test('an error below 500 saves what the handler changed, and one above only a logout', async () => {
    const someone = await visitor('fay')
    assert.equal((await someone.ask('/api/fail?status=422', { method: 'POST', headers: HTML })).status, 422)
    assert.ok((await visits(someone)) > 100)
    const page = await someone.ask('/api/fail?status=500&logout=1', { method: 'POST', headers: HTML })
    assert.equal(page.status, 500)
    assert.match(page.text, /Error (?:<!-- -->)?500/)
    assert.equal(JSON.parse((await someone.must('/api/me')).text).user, null)
  })

  test('a cached handler has no session, and neither has what it requests', async () => {
    const someone = await visitor('gwen')
    const cached = await someone.ask('/api/cached')
    assert.equal(cached.status, 500)
    assert.doesNotMatch(cached.text, /gwen/)
    assert.equal(JSON.parse((await someone.must('/api/cached-within')).text).user, null)
  })

  test('what a cached handler requests has no part in the session of the first visitor, who has no cookie yet', async () => {
    const [first, second] = [await visitor(), await visitor()]
    const cached = await first.must('/api/cached-token')
    assert.deepEqual(cached.all('set-cookie'), [])
    assert.equal((await second.must('/api/cached-token')).text, cached.text)
    assert.equal(JSON.parse((await first.must('/api/me')).text).visits, 1)
  })

  test('a request by $fetch alone, without the event, has no session', async () => {
    const someone = await visitor('hana')
    assert.equal(JSON.parse((await someone.must('/api/alone')).text).user, null)
  })

  test('the session that h3 has itself works beside it', async () => {
    const someone = await visitor()
    const first = await someone.must('/api/own')
    assert.deepEqual([JSON.parse(first.text), first.all('set-cookie').length], [[1, 1], 2])
    assert.deepEqual(JSON.parse((await someone.must('/api/own')).text), [2, 2])
  })

  test('a stream begins when its session is saved, and gets an error for what it changes later', async () => {
    const someone = await visitor('ida')
    assert.equal((await someone.must('/api/stream')).text, 'SessionClosedError')
    assert.equal(await visits(someone), 8)
    const failed = await someone.ask('/api/stream?large=1', { headers: HTML })
    assert.equal(failed.status, 500)
    assert.match(failed.text, /Error (?:<!-- -->)?500(?:<!-- -->)? for (?:<!-- -->)?ida/)
  })

  test('a WebSocket is opened for a visitor who has signed in', async (t) => {
    const someone = await visitor('jane')
    const open = (cookie?: string) => {
      const socket = new WebSocket(`${server.url.replace('http', 'ws')}/live`, { headers: cookie ? { cookie } : {} })
      t.after(() => socket.terminate())
      return socket
    }
    const [greeting] = await once(open(someone.jar.header()), 'message')
    assert.equal(String(greeting), 'hello jane')
    const [error] = await once(open(), 'error')
    assert.match(error.message, /401/)
  })

  test('its server files compile', () => {
    ran(project.folder, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.nuxt/tsconfig.server.json', '--noEmit'])
  })
})

/** What a browser says when it loads a page. */
const HTML = { accept: 'text/html' }
