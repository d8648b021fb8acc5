import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import { memory } from '../../../packages/strongroom/src/engines/memory/memory.ts'
import type { SessionsOptions } from '../../../packages/strongroom/src/options.ts'
import { createSessions, type Sessions } from '../../../packages/strongroom/src/sessions.ts'
import { http1 } from '../../../packages/strongroom/src/testing/adapter/client.ts'
import { type Page, Visitor } from '../../../packages/strongroom/src/testing/adapter/visitor.ts'
import { type ManualClock, manualClock } from '../../../packages/strongroom/src/testing/clock.ts'
import { type Watched, watched } from '../../../packages/strongroom/src/testing/watched.ts'
import { type BuiltShell, install, type Shell } from './shell.ts'

export type Values = Record<string, unknown>

export interface Site {
  readonly sessions: Sessions<Values>
  readonly watch: Watched
  readonly clock: ManualClock
  readonly url: string
  visitor(): Visitor
}

/** The built application with these parts, until the end of the test. */
export async function siteOf(
  t: TestContext,
  built: BuiltShell,
  shell: (sessions: Sessions<Values>) => Partial<Shell>,
  options: Omit<SessionsOptions, 'store'> = {},
): Promise<Site> {
  const clock = manualClock()
  const watch = watched(memory({ clock, max: 1000 }))
  // `watched` passes the owner index on.
  const store = watch.store as ReturnType<typeof memory>
  const sessions = createSessions<Values>({ secrets: randomBytes(32), clock, on: () => {}, ...options, store })
  install(shell(sessions))
  const { url, close } = await built.listen()
  t.after(close)
  // Where Next finds itself, to load the page that an action redirects to.
  process.env.__NEXT_PRIVATE_ORIGIN = url
  const client = http1(url)
  t.after(() => client.close())
  return { sessions, watch, clock, url, visitor: () => new Visitor(client) }
}

/** What a page or a layout of the shell has shown. */
export function shown(page: Page, part: 'page' | 'layout'): string {
  // React puts a comment between two pieces of text.
  const [, text] = new RegExp(`${part}: (.*?)<`).exec(page.text.replaceAll('<!-- -->', '')) ?? []
  return text?.replaceAll('&quot;', '"') ?? assert.fail(`There is no ${part}: ${page.text}`)
}

/** Sends the form of `/page/NAME` as a browser without JavaScript does. */
export async function press(
  visitor: Visitor,
  name: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Page> {
  const { text } = await visitor.ask(`/page/${name}`)
  const form = new FormData()
  for (const [, field = '', value = ''] of text.matchAll(
    /<input type="hidden" name="([^"]+)"(?: value="([^"]*)")?\/>/g,
  ))
    form.append(field, value.replaceAll('&quot;', '"').replaceAll('&amp;', '&'))
  assert.ok([...form.keys()].length > 0, `There is no form: ${text}`)
  const body = new Response(form)
  return visitor.ask(`/page/${name}`, {
    method: 'POST',
    headers: { 'content-type': body.headers.get('content-type') ?? '', ...headers },
    body: await body.text(),
  })
}

/** The action that the forms of all pages call. */
export async function actionId(visitor: Visitor): Promise<string> {
  const { text } = await visitor.ask('/page/any')
  const [, id] = /&quot;id&quot;:&quot;([0-9a-f]{40,})&quot;/.exec(text) ?? []
  return id ?? assert.fail(`There is no form: ${text}`)
}

/** Calls the same action as the scripts of Next do. */
export async function call(
  visitor: Visitor,
  name: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Page> {
  return visitor.ask(`/page/${name}`, {
    method: 'POST',
    headers: {
      accept: 'text/x-component',
      'content-type': 'text/plain;charset=UTF-8',
      'next-action': await actionId(visitor),
      ...headers,
    },
    body: JSON.stringify([name]),
  })
}
