// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources

import { type Mutation, on } from './mutation.ts'

const SOURCE = 'packages/strongroom/src'

const by = (suite: string) => (file: string) => on(`test/adapters/${suite}.test.ts`, `${SOURCE}/adapters/${file}.ts`)
const [express, fetch, hono, node, http2] = ['express5', 'fetch', 'hono', 'node', 'http2'].map(by) as [
  ReturnType<typeof by>,
  ReturnType<typeof by>,
  ReturnType<typeof by>,
  ReturnType<typeof by>,
  ReturnType<typeof by>,
]
const suite = (file: string) => on('test/testing/adapter-csrf.test.ts', `${SOURCE}/testing/${file}.ts`)

/** Mistakes of our adapters that their suite has to find; and of the suite, that would let those of others pass. */
export const adapterSuiteMutations: readonly Mutation[] = [
  express('express')(
    'express: a handler that runs for a forged request',
    'waiting.then(() => next(), next)',
    'waiting.then(() => next(), () => next())',
  ),
  express('express')(
    'express: a forged request that is an error of the server',
    '    } catch (error) {\n      return next(error as Error)\n    }',
    "    } catch {\n      return next(new Error('refused'))\n    }",
  ),
  express('express')(
    'express: a form that is not searched for its token',
    '(name) => fieldOf(request.body, name)',
    '() => undefined',
  ),
  express('shared/csrf')('options of csrf() that are ignored', 'csrfPolicy(options)', 'csrfPolicy({})'),
  fetch('fetch')(
    'fetch: a check that nobody waits for',
    '    await check(request, fetchFacts(request))',
    '    Promise.resolve()\n      .then(() => check(request, fetchFacts(request)))\n      .catch(() => undefined)',
  ),
  fetch('shared/fetch-facts')(
    'fetch: a form that the handler gets no more',
    'formUpTo(MOST_OF_FORM, request.clone())',
    'formUpTo(MOST_OF_FORM, request)',
  ),
  hono('hono')(
    'hono: a handler that runs before the check',
    '    await check(c, fetchFacts(c.req.raw, parsed))\n    await next()',
    '    await next()\n    await check(c, fetchFacts(c.req.raw, parsed))',
  ),
  node('node')(
    'node: a token of a form that is dropped',
    'nodeFacts(request, () => token)',
    'nodeFacts(request, () => undefined)',
  ),
  node('node/facts')(
    'node: a host that the visitor writes',
    "const { ':authority': authority, host = authority } = headers",
    "const { ':authority': authority, host: sent = authority } = headers\n  const host = headers['x-forwarded-host'] ?? sent",
  ),
  http2('node/facts')('node: no host over HTTP/2', ', host = authority } = headers', ', host } = headers'),
  node('node/facts')(
    'node: TLS that the visitor claims',
    "'encrypted' in socket && socket.encrypted === true",
    "headers['x-forwarded-proto'] === 'https'",
  ),
  suite('adapter-suite')(
    'an adapter without csrf() that is not asked about it',
    'csrf: hasCsrf = true',
    'csrf: hasCsrf = false',
  ),
  suite('adapter/property')(
    'what an adapter does not have, passed instead of skipped',
    'else it(title, { skip: WITHOUT[missing] })',
    'else it(title, () => undefined)',
  ),
  suite('adapter/csrf')('a Referer that nobody sends', "  [{ referer: `${EVIL}/page` }, 'referer'],\n", ''),
  suite('adapter/csrf')(
    'methods other than POST that nobody sends',
    "['POST', 'PUT', 'PATCH', 'DELETE'] as const",
    "['POST'] as const",
  ),
  suite('adapter/csrf')(
    'headers of a proxy that nobody sends',
    "'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', ",
    '',
  ),
  suite('adapter/csrf')(
    'options that nobody passes',
    "trustedOrigins: [FRIEND], header: 'x-other', field: 'other'",
    '',
  ),
]
