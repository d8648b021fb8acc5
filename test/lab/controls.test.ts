import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite, test } from 'node:test'
import { NotRun } from '../../packages/cli/src/lab/attack.ts'
import type { Site } from '../../packages/cli/src/lab/site.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { find, named, said } from './findings.ts'
import { ours } from './ours.ts'

interface Front {
  /** Another path to ask for. */
  readonly path?: (path: string) => string
  /** A status to respond with instead of asking the application. */
  readonly instead?: (incoming: IncomingMessage, pathname: string) => number | null
  /** Another status than the application's. */
  readonly status?: (status: number) => number
}

/** The application behind something that gets in the way: no attack on it shows anything. */
async function behind(site: Site, { path = (same) => same, instead, status = (same) => same }: Front): Promise<Site> {
  const server = createServer((incoming, response) => {
    const target = new URL(path(incoming.url ?? '/'), site.url)
    const given = instead?.(incoming, target.pathname) ?? null
    if (given !== null) {
      response.statusCode = given
      return response.end(given === 200 ? '{"user":null,"data":{}}' : 'Service Unavailable')
    }
    const { method, headers } = incoming
    const outgoing = request(target, { method: method ?? 'GET', headers, agent: false }, (answer) => {
      response.writeHead(status(answer.statusCode ?? 0), answer.headers)
      answer.pipe(response)
    })
    outgoing.on('error', () => response.destroy())
    response.on('close', () => outgoing.destroy())
    incoming.pipe(outgoing)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    ...site,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    another: async (options) => behind(await site.another(options), { path, instead: instead ?? (() => null), status }),
    async stop() {
      server.closeAllConnections()
      server.close()
      await site.stop()
    },
  }
}

const AFTER_AN_END = [
  ...['replay-after-logout', 'replay-after-revoke-all', 'renewed-copy', 'two-cookies', 'slow-request-and-logout'],
  ...['slow-request-and-revoke-all', 'renewal-and-logout'],
]

suite('a failure is not taken for a refusal', () => {
  for (const name of AFTER_AN_END)
    test(`${name} does not hold because the application fails after the end`, async () => {
      const [known, over] = [new Set<string>(), new Set<string>()]
      const site = await behind(await ours('memory'), {
        instead: ({ headers: { cookie = '' } }, pathname) => {
          const own = cookie.split('; ').filter((pair) => pair !== '')
          for (const pair of own) known.add(pair)
          for (const pair of pathname === '/revoke-all' ? known : pathname === '/logout' ? own : []) over.add(pair)
          return pathname === '/read' && own.some((pair) => over.has(pair)) ? 503 : null
        },
      })
      await assert.rejects(find(name, site), /responded with 503, so nobody knows/)
    })

  test('fixation does not hold because the application fails after the login', async () => {
    let logins = 0
    const site = await behind(await ours('memory'), {
      instead: (_, pathname) => {
        if (pathname === '/login') logins++
        // The first one is the attacker's own.
        return logins > 1 && pathname === '/read' ? 503 : null
      },
    })
    await assert.rejects(find('fixation', site), /responded with 503, so nobody knows/)
  })
})

const RACES = [
  ...['lost-updates', 'hang-up', 'fixation', 'renewed-copy', 'slow-request-and-logout', 'slow-request-and-revoke-all'],
  ...['renewal-and-logout', 'renewal-and-revoke-all', 'login-and-revoke-all'],
]

suite('what ran one after the other is not taken for a race', () => {
  for (const name of RACES)
    test(`${name} does not hold on an application that waits at no gate`, async () => {
      const site = await behind(await ours('memory'), { path: (path) => path.replace(/&?gate=\w+/, '') })
      await assert.rejects(find(name, site), /did not wait, so nothing was in parallel/)
    })
})

suite('what did not happen is not taken for harmless', () => {
  test('a failing handler that does not fail shows nothing', async () => {
    const site = await behind(await ours('memory'), { instead: (_, path) => (path === '/fail' ? 200 : null) })
    await assert.rejects(find('failing-handler', site), /responds 200, so none has failed/)
  })

  test('there is no error page to be read where no request fails', async () => {
    const site = await behind(await ours('memory'), { status: (status) => (status >= 400 ? 200 : status) })
    await assert.rejects(find('error-pages', site), /No request failed/)
  })

  test('a store that is not away is missed by nobody', async () => {
    const site = await ours('memory')
    const server = { kill: async () => {}, start: async () => {}, pause: () => {}, resume: () => {} }
    await assert.rejects(
      find('store-away', { ...site, storage: { ...site.storage, server } }),
      /Nobody missed the store/,
    )
  })

  test('a logout that is always refused is outlived by nothing', async () => {
    const site = await ours('memory')
    // The handler waits at its gate, and then fails.
    const failing = await behind(site, { path: (path) => path.replace(/^\/logout/, '/fail') })
    await assert.rejects(find('renewal-and-logout', failing), /refused in every order/)
  })

  test('a store that keeps nothing shows nothing of the orders of its calls', async () => {
    for (const name of ['renewal-and-logout', 'unmet-secret']) {
      const site = await ours('memory')
      const sessionsOptions = async () => {
        const options = await site.sessionsOptions?.()
        const store = memory()
        const create = async () => true
        const kept = new Proxy(store, {
          get: (target, key) => {
            if (key === 'create') return create
            if (key === 'readSync' || key === 'updateSync') return undefined
            const value: unknown = Reflect.get(target, key)
            return typeof value === 'function' ? value.bind(target) : value
          },
        })
        return { ...options, store: kept }
      }
      await assert.rejects(find(name, { ...site, sessionsOptions }), /does not know a user who has just signed in/)
    }
  })
})

suite('what a server does first is attacked, too', () => {
  test('a server that has just started, whose first logout nobody hears of, is found by a cached copy', async () => {
    const site = await ours('memory')
    let logouts = 0
    const another: Site['another'] = async (options) =>
      behind(await site.another(options), {
        instead: (_, path) => (path === '/logout' && ++logouts === 1 ? 200 : null),
      })
    const finding = await find('cached-copy', { ...site, another })
    assert.equal(finding.verdict, 'broken', JSON.stringify(finding))
    assert.match(said(finding, /immediately/), /^[1-9]/)
  })
})

suite('what holds at first is looked at again', () => {
  test('a logout that is undone later, when nobody looks any more, is broken', async () => {
    let state: 'in' | 'out' | 'back' = 'in'
    const asked: string[] = []
    const site = await behind(await ours('memory'), {
      instead: (_, path) => {
        asked.push(path)
        if (path === '/logout') state = 'out'
        // The session is alive behind it, and nobody sees it for a while.
        return path === '/logout' || (state === 'out' && path === '/read') ? 200 : null
      },
    })
    const finding = await named('replay-after-logout').run(site, {
      thorough: false,
      signal: new AbortController().signal,
    })
    assert.equal(finding.verdict, 'held')
    assert.ok(!asked.includes('/revoke-all'), 'what may come back is not ended before the second look')
    state = 'back'
    const second = await finding.later?.()
    await site.stop()
    assert.ok(second)
    assert.equal(second.verdict, 'broken')
    assert.match(said(second, / s later$/), /^[1-9]/)
    assert.ok(asked.includes('/revoke-all'), 'and is ended after it')
  })
})

suite('nothing is called inapplicable that could be attacked', () => {
  const deaf = async () => behind(await ours('memory'), { instead: (_, path) => (path === '/logout' ? 200 : null) })

  test('a logout that does nothing is broken, with a second cookie too, where ends are promised', async () => {
    const finding = await find('two-cookies', await deaf())
    assert.equal(finding.verdict, 'broken')
    assert.match(said(finding, /its own cookie alone/), /alive/)
  })

  test('a logout that does nothing is broken whatever the clocks say', async () => {
    const finding = await find('clocks-apart', await deaf())
    assert.equal(finding.verdict, 'broken')
  })

  test('sessions of ours have a limit and secrets, even if this site cannot be asked for them', async () => {
    for (const name of ['session-limit', 'unmet-secret']) {
      const { sessionsOptions: _, ...site } = await ours('memory')
      await assert.rejects(find(name, site), NotRun)
    }
  })
})
