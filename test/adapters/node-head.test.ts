import assert from 'node:assert/strict'
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { suite, type TestContext, test } from 'node:test'
import type { Page } from '../../packages/strongroom/src/testing/adapter/visitor.ts'
import { http2Site, type NodeSite, nodeSite, running } from './site.ts'

type Headers = OutgoingHttpHeaders | unknown[]
type WriteHead = (status: number, ...rest: (string | Headers)[]) => ServerResponse

const FORMS: readonly (readonly [title: string, headers: Headers, alsoHttp2?: boolean])[] = [
  ['an object', { 'X-App': '1', 'Set-Cookie': ['a=1', 'b=2'], Vary: 'Accept', 'Cache-Control': 'private' }, true],
  ['an object with numbers', { 'X-App': 1, 'Content-Length': 0 }],
  ['a flat list', ['X-App', '1', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'Vary', 'Accept'], true],
  ['a flat list with lists in it', ['Set-Cookie', ['a=1', 'b=2'], 'X-App', '1', 'Cache-Control', 'private'], true],
  [
    'a list of pairs',
    [
      ['X-App', '1'],
      ['Set-Cookie', 'a=1'],
      ['Set-Cookie', 'b=2'],
      ['Vary', 'Accept'],
    ],
    true,
  ],
  [
    'a list of pairs with lists in it',
    [
      ['Set-Cookie', ['a=1', 'b=2']],
      ['X-App', '1'],
    ],
  ],
  ['an empty object', {}, true],
]

/** What a form means is decided by Node: the test makes the same call on a server without sessions. */
suite('headers passed to writeHead have the effect they have without sessions, and ours are added to them', {
  timeout: 20_000,
}, () => {
  for (const [title, headers] of FORMS)
    for (const before of [false, true])
      for (const reason of [[], ['Quite Fine']]) {
        const pairs = Array.isArray(headers) && Array.isArray(headers[0])
        // Node accepts pairs only when no header was set before.
        if (pairs && before) continue
        test(`${title}${before ? ', after setHeader' : ''}${reason.length ? ', with a reason' : ''}`, async (t) => {
          const write = (response: ServerResponse) => {
            if (before) {
              response.setHeader('X-App', '0')
              response.setHeader('Set-Cookie', 'z=0')
              response.setHeader('X-Other', 'stays')
            }
            ;(response.writeHead as WriteHead)(201, ...reason, headers).end()
          }
          const plain = await running(t, (_, response) => write(response))
          const site = await nodeSite(t, writeThen(write))
          await meansTheSame(site, await plain.visitor.ask('/'))
        })
      }

  for (const [title, headers, alsoHttp2] of FORMS)
    test(`${title}, over HTTP/2`, { skip: !alsoHttp2 && 'Node accepts this form over HTTP/1 only' }, async (t) => {
      const write = (response: ServerResponse) => {
        ;(response.writeHead as WriteHead)(201, headers).end()
      }
      const plain = await running(t, (_, response) => write(response))
      await meansTheSame(await http2Site(t, writeThen(write)), await plain.visitor.ask('/'))
    })
})

const writeThen =
  (write: (response: ServerResponse) => void) =>
  async (request: object, response: ServerResponse, sessions: NodeSite['sessions']) => {
    const session = await sessions.get(request)
    if ((request as { url: string }).url === '/write') session.set('a', 1)
    write(response)
  }

async function meansTheSame({ visitor, sessions }: NodeSite, expected: Page): Promise<void> {
  const others = (page: Page) => page.all('set-cookie').filter((line) => !line.startsWith(sessions.policy.cookieName))
  for (const path of ['/look', '/write']) {
    const page = await visitor.ask(path)
    assert.equal(page.status, expected.status)
    assert.deepEqual(others(page), expected.all('set-cookie'))
    assert.equal(page.all('set-cookie').length - others(page).length, path === '/write' ? 1 : 0)
    assert.deepEqual(page.all('x-app'), expected.all('x-app'))
    assert.deepEqual(page.all('x-other'), expected.all('x-other'))
    assert.deepEqual(page.all('vary'), expected.header('vary') ? ['Accept, Cookie'] : ['Cookie'])
    assert.deepEqual(page.all('cache-control'), path === '/write' ? ['no-store'] : expected.all('cache-control'))
  }
  assert.equal((await visitor.ask('/read')).text, '{"a":1}')
}

suite('writeHead', { timeout: 20_000 }, () => {
  test('sends the reason phrase that it was given', async (t) => {
    const { url } = await nodeSite(t, async (request, response, sessions) => {
      ;(await sessions.get(request)).set('a', 1)
      response.writeHead(404, 'Not Here', { 'Content-Type': 'text/plain' }).end()
    })
    const { status, statusText } = await fetch(url)
    assert.deepEqual([status, statusText], [404, 'Not Here'])
  })

  test('with a status of 500 or above saves nothing', async (t) => {
    const { visitor } = await nodeSite(t, async (request, response, sessions) => {
      ;(await sessions.get(request)).set('a', 1)
      response.writeHead(500).end('sorry')
    })
    const page = await visitor.ask('/')
    assert.deepEqual([page.status, page.text, page.all('set-cookie')], [500, 'sorry', []])
  })

  test('by flushHeaders, without a body, is held until the session is saved', async (t) => {
    const { visitor } = await nodeSite(t, async (request, response, sessions) => {
      ;(await sessions.get(request)).set('a', 1)
      response.setHeader('X-App', '1')
      response.flushHeaders()
      setTimeout(() => response.end('later'), 20)
    })
    const response = visitor.begin('/')
    const head = await response.head
    assert.equal(head.header('x-app'), '1')
    assert.equal(head.all('set-cookie').length, 1)
    assert.equal((await visitor.ask('/read')).text, '{"a":1}')
    assert.equal(await response.next(), 'later')
  })

  for (const [title, spoil] of [
    ['a header value that is not valid in HTTP', (response) => response.writeHead(302, { Location: '/\n' })],
    ['an invalid status', (response) => response.writeHead(99)],
    ['a list of odd length', (response) => response.writeHead(200, ['X-App'])],
    ['an invalid chunk', (response) => response.write(7 as never)],
    ['an invalid body', (response) => response.end({} as never)],
  ] as [string, (response: ServerResponse) => unknown][])
    for (const path of ['/look', '/write'])
      test(`${title} fails that response and no other (${path})`, async (t) => {
        const site = await nodeSite(t, async (request, response, sessions) => {
          const session = await sessions.get(request)
          if (request.url === '/write') session.set('a', 1)
          try {
            spoil(response)
          } catch {
            // When nothing is held back, Node throws the error immediately, and the handler responds.
            response.statusCode = 500
            response.end('caught')
          }
        })
        const page = await site.visitor.ask(path)
        assert.equal(page.status, 500)
        assert.equal((await site.visitor.ask('/read')).status, 200)
      })
})

suite('informational responses', { timeout: 20_000 }, () => {
  test('do not begin the response: the session can still be changed after them', async (t: TestContext) => {
    const { visitor } = await nodeSite(t, async (request, response, sessions) => {
      const session = await sessions.get(request)
      response.writeProcessing()
      response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' })
      session.set('a', 1)
      response.end()
    })
    assert.equal((await visitor.ask('/')).all('set-cookie').length, 1)
    assert.equal((await visitor.ask('/read')).text, '{"a":1}')
  })
})
