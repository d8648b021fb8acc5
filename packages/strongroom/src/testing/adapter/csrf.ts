import assert from 'node:assert/strict'
import type { CsrfRefusal } from '../../errors.ts'
import type { CsrfOptions } from '../../http/csrf.ts'
import { type Route, text } from './application.ts'
import type { Ability } from './backings.ts'
import type { Property, Site } from './property.ts'
import type { Page, Visitor } from './visitor.ts'

const EVIL = 'https://evil.example'
const FRIEND = 'https://friend.example'

/** What browsers say of requests that the page of another site makes, and the reason for which each is refused. */
const FOREIGN: readonly (readonly [headers: Headers, reason: CsrfRefusal])[] = [
  [{ 'sec-fetch-site': 'cross-site' }, 'cross-site'],
  [{ 'sec-fetch-site': 'same-site' }, 'cross-site'],
  [{ 'sec-fetch-site': 'cross-site', origin: EVIL }, 'cross-site'],
  [{ origin: EVIL }, 'origin'],
  [{ origin: 'null' }, 'origin'],
  [{ referer: `${EVIL}/page` }, 'referer'],
]

const METHODS = ['POST', 'PUT', 'PATCH', 'DELETE'] as const
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

type Headers = Readonly<Record<string, string>>

/** Requests that the page of another site makes with the visitor's cookie. */
export function csrf(property: Property): void {
  protects(property, 'a request of another site is refused before the handler runs', async (open) => {
    const here = await open()
    const visitor = await loggedIn(here)
    // With a token that is right: whatever else a request has, it is refused for where it comes from.
    const token = await tokenOf(visitor)
    for (const [headers, reason] of FOREIGN)
      for (const method of METHODS) {
        const sent = visitor.ask('/set?forged=1', { method, headers: { ...headers, 'x-csrf-token': token } })
        await refused(here, sent, `${method} ${JSON.stringify(headers)}`, reason)
      }
    // A form, with a token that its page cannot know.
    const form = { method: 'POST', headers: { ...FORM, origin: EVIL }, body: '_csrf=made-up&note=hello' }
    await refused(here, visitor.ask('/set?forged=1', form), 'a form')
    await refused(here, visitor.ask('/login?user=eve', { method: 'POST', headers: { origin: EVIL } }), 'a login')
    assert.deepEqual(await visitor.facts(), { userId: 'ada' })
  })

  protects(property, 'a request of the own site passes, and the handler gets its form', async (open) => {
    const here = await open()
    const visitor = await loggedIn(here)
    const own = [
      { 'sec-fetch-site': 'same-origin' },
      { origin: here.origin },
      { origin: here.origin, 'sec-fetch-site': 'same-origin' },
      { origin: here.origin, 'sec-fetch-site': 'none' },
    ]
    for (const headers of own) {
      const form = { method: 'POST', headers: { ...FORM, ...headers }, body: 'note=hello' }
      passed(await visitor.ask('/change', form), 'changed hello')
      for (const method of METHODS) passed(await visitor.ask('/set?own=1', { method, headers }))
    }
    assert.deepEqual(refusals(here), [])
  })

  protects(property, 'a safe method is never refused', async (open) => {
    const here = await open()
    const visitor = await loggedIn(here)
    for (const headers of [...FOREIGN.map(([headers]) => headers), {}]) {
      passed(await visitor.ask('/plain', { headers }), 'plain')
      passed(await visitor.ask('/plain', { method: 'HEAD', headers }))
      // A framework may respond to it by itself.
      assert.notEqual((await visitor.ask('/plain', { method: 'OPTIONS', headers })).status, 403)
    }
    assert.deepEqual(refusals(here), [])
  })

  protects(property, 'a request that does not say where it comes from needs the token of its session', async (open) => {
    const here = await open()
    const [visitor, other] = [await loggedIn(here), await loggedIn(here)]
    const [token, foreign] = [await tokenOf(visitor), await tokenOf(other)]
    await refused(here, send(visitor), 'a form without a token', 'no-token')
    await refused(here, visitor.ask('/set?forged=1', { method: 'POST' }), 'no form at all', 'no-token')
    for (const wrong of [foreign, 'made-up', `${token}x`]) {
      await refused(here, send(visitor, { 'x-csrf-token': wrong }), 'a wrong token in a header', 'token')
      await refused(here, send(visitor, {}, { _csrf: wrong }), 'a wrong token in a field', 'token')
    }
    passed(await send(visitor, { 'x-csrf-token': token }, { note: 'by header' }), 'changed by header')
    passed(await send(visitor, {}, { _csrf: token, note: 'by field' }), 'changed by field')
    // It does not say where it comes from either.
    passed(await send(visitor, { 'x-csrf-token': token, 'sec-fetch-site': 'none' }))
  })

  protects(property, 'a token is renewed at a login, and worthless after a logout', async (open) => {
    const here = await open()
    const visitor = here.visitor()
    await visitor.must('/set?basket=3')
    const before = await tokenOf(visitor)
    passed(await send(visitor, { 'x-csrf-token': before }))
    await visitor.must('/login?user=ada')
    await refused(here, send(visitor, { 'x-csrf-token': before }), 'a token from before the login', 'token')
    const after = await tokenOf(visitor)
    passed(await send(visitor, { 'x-csrf-token': after }))
    await visitor.must('/logout')
    await visitor.must('/set?basket=4')
    await refused(here, send(visitor, { 'x-csrf-token': after }), 'a token from before the logout', 'token')
    passed(await send(visitor, { 'x-csrf-token': await tokenOf(visitor) }))
  })

  protects(property, 'a page with a token is stored by no cache', async (open) => {
    const visitor = await loggedIn(await open())
    const page = await visitor.must('/token')
    assert.match(page.text, /^[\w-]{86}$/)
    assert.deepEqual(page.all('cache-control'), ['no-store'])
    assert.ok(page.all('vary').some((line) => /\bcookie\b/i.test(line)))
  })

  protects(property, 'a request without a session passes, unless the option says otherwise', async (open) => {
    const lenient = await open()
    passed(await send(lenient.visitor()))
    await refused(lenient, send(lenient.visitor(), { origin: EVIL }), 'a form from elsewhere')
    const strict = await open({ allowWithoutCookie: false })
    await refused(strict, send(strict.visitor()), 'a form of nobody', 'token')
  })

  protects(property, 'the options reach the check', async (open) => {
    const trusting = await open({ trustedOrigins: [FRIEND], header: 'x-other', field: 'other' })
    const visitor = await loggedIn(trusting)
    const token = await tokenOf(visitor)
    passed(await send(visitor, { origin: FRIEND, 'sec-fetch-site': 'cross-site' }))
    passed(await send(visitor, { 'x-other': token }))
    passed(await send(visitor, {}, { other: token }))
    await refused(trusting, send(visitor, { 'x-csrf-token': token }, { _csrf: token }), 'the usual names')
    const behindProxy = await open({ origin: FRIEND })
    const other = await loggedIn(behindProxy)
    passed(await send(other, { origin: FRIEND }))
    await refused(behindProxy, send(other, { origin: behindProxy.origin }), 'the host that the proxy uses')
  })

  protects(property, 'what a visitor writes into the headers of a proxy is not believed', async (open) => {
    const here = await open()
    const visitor = await loggedIn(here)
    const forged = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', forwarded: 'host=evil.example' }
    await refused(here, send(visitor, { ...forged, origin: EVIL }), 'another host', 'origin')
    passed(await send(visitor, { ...forged, origin: here.origin }))
  })

  protects(
    property,
    'a store that is down is no forged request',
    async (open) => {
      const here = await open()
      const visitor = await loggedIn(here)
      const token = await tokenOf(visitor)
      here.watch.before = () => {
        throw new Error('down')
      }
      assert.equal((await send(visitor, { 'x-csrf-token': token })).status, 503)
      here.watch.before = null
      passed(await send(visitor, { 'x-csrf-token': token }))
      assert.deepEqual(refusals(here), [])
    },
    ['versions'],
  )
}

const ROUTES: Readonly<Record<string, Route>> = {
  '/token': async ({ csrfToken }) => text(await csrfToken()),
  '/change': async ({ session, field }) => {
    ;(await session()).set('changed', true)
    return text(`changed ${String((await field('note')) ?? '')}`)
  },
}

type Open = (options?: CsrfOptions) => Promise<Site>
type Check = (open: Open) => Promise<void>

/** Where the adapter has a check, and the backing this ability. */
function protects(property: Property, title: string, check: Check, needed: readonly Ability[] = []): void {
  property.of(['csrf', ...needed], `csrf: ${title}`, ({ site }) => check((options = {}) => site(ROUTES, {}, options)))
}

async function loggedIn(here: Site): Promise<Visitor> {
  const visitor = here.visitor()
  await visitor.must('/login?user=ada')
  return visitor
}

const tokenOf = async (visitor: Visitor) => (await visitor.must('/token')).text

/** Sends a form, with nothing that says where it comes from but what is given. */
const send = (visitor: Visitor, headers: Headers = {}, fields: Readonly<Record<string, string>> = { note: '' }) =>
  visitor.ask('/change', {
    method: 'POST',
    headers: { ...FORM, ...headers },
    body: new URLSearchParams(fields).toString(),
  })

function passed(page: Page, body?: string): void {
  assert.equal(page.status, 200, `it was to pass: ${page.text}`)
  if (body !== undefined)
    assert.equal(page.text, body, 'the handler gets what was sent, by "field" of the SuiteRequest')
}

const refusals = ({ events }: Site) =>
  events.flatMap((event) => (event.type === 'rejected' && event.what === 'request' ? [event.reason] : []))

/** Asserts that it is refused, with one event. */
async function refused(here: Site, sent: Promise<Page>, what: string, reason?: CsrfRefusal): Promise<void> {
  const before = refusals(here).length
  const page = await sent
  assert.equal(page.status, 403, `${what} is to be refused: ${page.text}`)
  assert.deepEqual(page.all('set-cookie'), [], `${what}: a refused request changes no cookie`)
  const reasons = refusals(here).slice(before)
  assert.equal(reasons.length, 1, `${what} is to be reported once`)
  if (reason !== undefined) assert.equal(reasons[0], reason, what)
}
