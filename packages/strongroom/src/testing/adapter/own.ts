import assert from 'node:assert/strict'
import type { DeviceBound } from '../../context.ts'
import type { OwnRequests } from '../../http/own-requests.ts'
import { text } from './application.ts'
import type { Property } from './property.ts'

const PATH = '/own-request'
const LINES = ['own=1; Path=/', 'other=2; Path=/; Secure']
const OFFER = '(ES256);path="/own-request"'

/** Stands for `deviceBound()`, whose packages an adapter's tests need not have: what it needs of an adapter is the same. */
const standIn: DeviceBound = {
  bindingFor: () => ({
    provedAt: () => null,
    isUnproven: () => false,
    facts: { refreshEvery: 600_000, unbound: null },
    checked: (found) => found,
    unlimited: (meta) => meta,
    next: (meta) => meta,
    outcome: (outcome, { signedIn }) =>
      signedIn ? { ...outcome, headers: [['Secure-Session-Registration', OFFER]] } : outcome,
    ownRequests: () => requests,
  }),
}

const isOwn = (url: string | undefined) => new URL(url ?? '', 'http://localhost').pathname === PATH

const requests: OwnRequests = {
  fetch({ url, method, headers }) {
    if (!isOwn(url)) return null
    const response = new Response(`${method} ${headers.get('sec-secure-session-id')}`, { status: 403 })
    for (const line of LINES) response.headers.append('Set-Cookie', line)
    return Promise.resolve(response)
  },
  node({ url, originalUrl, method, headers }, response) {
    if (!isOwn(originalUrl ?? url)) return null
    response.statusCode = 403
    response.setHeader('Set-Cookie', LINES)
    response.end(`${method} ${headers['sec-secure-session-id']}`)
    return Promise.resolve()
  },
}

/** Requests that browsers make by themselves, and what they are told by headers. */
export function own(property: Property): void {
  property(
    'a request that is for the library itself gets its response, and never reaches the application',
    async ({ site }) => {
      let reached = 0
      const here = await site(
        {
          [PATH]() {
            reached++
            return text('application')
          },
        },
        { deviceBound: standIn },
      )
      const visitor = here.visitor()
      const page = await visitor.ask(`${PATH}?x=1`, { method: 'POST', headers: { 'sec-secure-session-id': 'd1' } })
      assert.deepEqual([page.status, page.text, page.all('set-cookie')], [403, 'POST d1', LINES])
      assert.equal(reached, 0)
      assert.deepEqual(here.watch.calls, [])
      assert.equal((await visitor.must('/plain')).text, 'plain')
    },
  )

  property('a header that comes with a login is sent beside its cookie, and is not cached', async ({ site }) => {
    const here = await site({}, { deviceBound: standIn })
    const visitor = here.visitor()
    const page = await visitor.must('/login?user=ada')
    assert.deepEqual(page.all('secure-session-registration'), [OFFER])
    assert.equal(page.all('set-cookie').length, 1)
    assert.deepEqual(page.all('cache-control'), ['no-store'])
    assert.deepEqual((await visitor.must('/read')).all('secure-session-registration'), [])
  })
}
