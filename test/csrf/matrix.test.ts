import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, type TestContext, test } from 'node:test'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { sessionFor } from '../../packages/strongroom/src/testing/index.ts'
import { count } from '../support/counts.ts'
import { type Ask, ask, SITES, serving } from './sites.ts'

const SAFE = ['GET', 'HEAD', 'OPTIONS']
const UNSAFE = ['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']

const TRUSTED = 'https://friend.example'

/** `own` stands for the origin of the site, `neighbour` for another port of its host. */
const ORIGINS = [undefined, 'own', 'neighbour', 'http://evil.example', TRUSTED, 'null', 'not an origin']
const FETCH_SITES = [undefined, 'same-origin', 'same-site', 'cross-site', 'none', 'of a later browser']

/** What a request carries of a session: nothing, its cookie, or the cookie and a token. */
const CREDENTIALS = [
  'nothing',
  'cookie',
  'token in a header',
  'token in a field',
  'wrong token',
  'token of another',
] as const
type Credentials = (typeof CREDENTIALS)[number]

const TYPES = ['application/x-www-form-urlencoded', 'multipart/form-data', 'application/json', 'text/plain', undefined]

interface Case {
  readonly method: string
  readonly origin: string | undefined
  readonly site: string | undefined
  readonly type: string | undefined
  readonly credentials: Credentials
}

/** Which bodies each adapter finds a field in; all find a header. A form is what browsers send without asking first. */
const FIELDS: Readonly<Record<string, readonly (string | undefined)[]>> = {
  'express 5': TYPES.slice(0, 3),
  'express 4': TYPES.slice(0, 3),
  hono: TYPES.slice(0, 2),
  fetch: TYPES.slice(0, 2),
  node: TYPES.slice(0, 2),
}

/** The rules, in the order in which they hold. */
function passes(name: string, { method, origin, site, type, credentials }: Case): boolean {
  if (SAFE.includes(method)) return true
  if (origin === TRUSTED) return true
  if (site === 'same-origin') return true
  if (site !== undefined && site !== 'none') return false
  if (origin !== undefined) return origin === 'own'
  if (credentials === 'nothing' || credentials === 'token in a header') return true
  return credentials === 'token in a field' && FIELDS[name]?.includes(type) === true
}

/** Each combination of headers with each method; and each type of body with each kind of credentials, by POST. */
function* cases(): Generator<Case> {
  for (const origin of ORIGINS)
    for (const site of FETCH_SITES) {
      for (const method of [...SAFE, ...UNSAFE])
        for (const credentials of ['nothing', 'cookie', 'token in a header'] as const)
          yield { method, origin, site, type: undefined, credentials }
      for (const type of TYPES)
        for (const credentials of CREDENTIALS) yield { method: 'POST', origin, site, type, credentials }
    }
}

const BOUNDARY = 'a-boundary'

function bodyOf(type: string | undefined, token: string | undefined): string | undefined {
  const fields = { note: 'hello', ...(token !== undefined && { _csrf: token }) }
  if (type === undefined) return undefined
  if (type === 'application/json') return JSON.stringify(fields)
  if (type === 'text/plain' || type.includes('urlencoded')) return new URLSearchParams(fields).toString()
  const parts = Object.entries(fields).map(
    ([name, value]) => `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  return `${parts.join('')}--${BOUNDARY}--\r\n`
}

async function visitorOf(t: TestContext, name: string) {
  const sessions = createSessions({ store: memory(), secrets: randomBytes(32), sweep: false })
  const url = await serving(t, SITES[name]?.(sessions, { trustedOrigins: [TRUSTED] }) as never)
  const ada = await sessionFor(sessions, { userId: 'ada' })
  const eve = await sessionFor(sessions, { userId: 'eve' })
  const tokenOf = async ({ cookie }: { cookie: string }) =>
    (await ask(url, { method: 'GET', path: '/token', headers: { cookie } })).body
  const tokens: Readonly<Record<Credentials, string | undefined>> = {
    nothing: undefined,
    cookie: undefined,
    'token in a header': await tokenOf(ada),
    'token in a field': await tokenOf(ada),
    'wrong token': randomBytes(64).toString('base64url'),
    'token of another': await tokenOf(eve),
  }
  const neighbour = `http://127.0.0.1:${Number(new URL(url).port) === 4321 ? 4322 : 4321}`
  return { url, cookie: ada.cookie, tokens, origins: { own: url, neighbour } }
}

type Visitor = Awaited<ReturnType<typeof visitorOf>>

function askOf({ cookie, tokens, origins }: Visitor, { method, origin, site, type, credentials }: Case): Ask {
  const token = tokens[credentials]
  const isField = credentials === 'token in a field'
  const body = SAFE.includes(method) ? undefined : bodyOf(type, isField ? token : undefined)
  return {
    method,
    body,
    headers: {
      origin: origins[origin as 'own'] ?? origin,
      'sec-fetch-site': site,
      cookie: credentials === 'nothing' ? undefined : cookie,
      'x-csrf-token': isField ? undefined : token,
      'content-type': type === 'multipart/form-data' ? `${type}; boundary=${BOUNDARY}` : type,
      ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
    },
  }
}

suite('csrf: origins, methods, types of bodies, and tokens', () => {
  for (const name of Object.keys(SITES))
    test(`${name}: what another site can make a browser send is refused, and nothing else`, async (t) => {
      const visitor = await visitorOf(t, name)
      const wrong: string[] = []
      let [passed, refused] = [0, 0]
      for (const one of cases()) {
        const { status, body } = await ask(visitor.url, askOf(visitor, one))
        const expected = passes(name, one) ? 200 : 403
        if (expected === 200) passed++
        else refused++
        // The handler gets a form that was searched for its token.
        const wasRead = expected === 403 || !/form/.test(one.type ?? '') || body === 'changed hello'
        if (status !== expected || !wasRead) wrong.push(`${JSON.stringify(one)}: ${status} ${body.slice(0, 80)}`)
      }
      count('csrf', { 'requests that passed': passed, 'that were refused': refused })
      assert.ok(passed > 500 && refused > 500, `${passed} passed, ${refused} refused`)
      assert.deepEqual(wrong, [])
    })
})
