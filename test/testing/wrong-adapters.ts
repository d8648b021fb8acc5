import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { nodeFacts } from '../../packages/strongroom/src/adapters/node/facts.ts'
import { csrf, withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { CsrfError } from '../../packages/strongroom/src/errors.ts'
import {
  type BaseSessions,
  type CsrfOptions,
  type CsrfRequest,
  csrfPolicy,
} from '../../packages/strongroom/src/index.ts'
import { adapterSuite } from '../../packages/strongroom/src/testing/index.ts'
import { listening, send } from '../adapters/serve.ts'

/** A request whose handler is called by `handle`; `form` is what it sends. */
interface Asked {
  readonly sessions: BaseSessions<Record<string, unknown>>
  readonly options: CsrfOptions
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly form: URLSearchParams
  handle(): Promise<void>
}

type Adapter = (asked: Asked) => Promise<void>

const tokenIn = ({ form, options }: Asked) => form.get(options.field ?? '_csrf')

async function right(asked: Asked): Promise<void> {
  await csrf(asked.sessions, asked.options)(asked.request, tokenIn(asked))
  await asked.handle()
}

/** One without our adapter, which may tell the check something else of the request. */
const telling =
  (change: (facts: CsrfRequest, request: IncomingMessage) => Partial<CsrfRequest>): Adapter =>
  async (asked) => {
    const { sessions, options, request } = asked
    const facts = nodeFacts(request, () => tokenIn(asked))
    await sessions.checkCsrf(request, { ...facts, ...change(facts, request) }, csrfPolicy(options))
    await asked.handle()
  }

/** Ours, and one that is made of what the package exports. */
export const RIGHT = ['that is right', 'made of checkCsrf and csrfPolicy'] as const

/** Mistakes of those who write an adapter. Each but the first two has to fail the suite. */
const ADAPTERS: Readonly<Record<string, Adapter>> = {
  [RIGHT[0]]: right,
  [RIGHT[1]]: telling(() => ({})),
  'without a check': ({ handle }) => handle(),
  async 'that checks after the handler'(asked) {
    const { response } = asked
    const end = response.end.bind(response)
    // Held back until the check has passed.
    const held: unknown[][] = []
    response.end = ((...args: unknown[]) => {
      held.push(args)
      return response
    }) as never
    await asked.handle().finally(() => {
      response.end = end
    })
    await csrf(asked.sessions, asked.options)(asked.request, tokenIn(asked))
    ;(end as (...args: unknown[]) => void)(...(held[0] ?? []))
  },
  async 'that does not wait for the check'(asked) {
    csrf(asked.sessions, asked.options)(asked.request, tokenIn(asked)).catch(() => undefined)
    await asked.handle()
  },
  async 'that responds as to any error'(asked) {
    await right(asked).catch((error) => {
      if (!(error instanceof CsrfError)) throw error
      asked.response.statusCode = 500
      asked.response.end()
    })
  },
  async 'that ignores the options'(asked) {
    await right({ ...asked, options: {} })
  },
  async 'that finds no token in a form'(asked) {
    await right({ ...asked, form: new URLSearchParams() })
  },
  'that takes every method for one that changes something': telling(() => ({ method: 'POST' })),
  'that checks a POST alone': telling(({ method }) => ({ method: method === 'POST' ? method : 'GET' })),
  'that believes X-Forwarded-Host': telling(({ host }, { headers }) => ({
    host: (headers['x-forwarded-host'] as string | undefined) ?? host,
  })),
  'that believes X-Forwarded-Proto': telling((_, { headers }) => ({
    encrypted: headers['x-forwarded-proto'] === 'https',
  })),
  'that knows no Host': telling(() => ({ host: undefined })),
  'that hides Sec-Fetch-Site': telling(({ headers }) => ({ headers: { ...headers, 'sec-fetch-site': undefined } })),
  'that hides the Origin': telling(({ headers }) => ({ headers: { ...headers, origin: undefined } })),
  'that hides the Referer': telling(({ headers }) => ({ headers: { ...headers, referer: undefined } })),
  'that hides the cookie': telling(({ headers }) => ({ headers: { ...headers, cookie: undefined } })),
  async 'that takes an outage for a forged request'(asked) {
    const check = csrf(asked.sessions, asked.options)
    await check(asked.request, tokenIn(asked)).catch(() => {
      throw new CsrfError('token')
    })
    await asked.handle()
  },
}

export const WRONG = Object.keys(ADAPTERS).slice(RIGHT.length)

/** One that says that it has no check. */
export const NONE = 'that has no check, and says so'

function runSuiteOn(name: string, adapter: Adapter): void {
  adapterSuite(
    name,
    async (sessions, application, protection) => {
      const handler = withSessions(sessions, async (request, response) => {
        const form = new URLSearchParams(protection ? await text(request) : '')
        const handle = async () => {
          const field = (name: string) => form.get(name)
          await send(response, await application({ request, url: request.url ?? '', field }))
        }
        if (protection) await adapter({ sessions, options: protection, request, response, form, handle })
        else await handle()
      })
      return listening(createServer(handler))
    },
    name === NONE ? { csrf: false } : {},
  )
}

type Within = BaseSessions<Record<string, unknown>>['within']

/** Mistakes that `sessions.current()` shows. Each has to fail the suite. */
const WITHIN: Readonly<Record<string, (within: Within) => Within>> = {
  'that never says whose work it is':
    () =>
    (_request, work, ...args) =>
      work(...args),
  'that stays in its first request': (within) => {
    let first: object | undefined
    return (request, work, ...args) => {
      first ??= request
      return within(first, work, ...args)
    }
  },
  'that forgets whose work it is while it reads a form':
    (within) =>
    (request, work, ...args) =>
      request instanceof Object && 'method' in request && request.method === 'POST'
        ? work(...args)
        : within(request, work, ...args),
}

export const WRONG_CURRENT = Object.keys(WITHIN)

function runCurrentOn(name: string, mistake: (within: Within) => Within): void {
  adapterSuite(name, async (sessions, application, protection) => {
    const handler = withSessions({ ...sessions, within: mistake(sessions.within) }, async (request, response) => {
      const form = new URLSearchParams(protection ? await text(request) : '')
      if (protection) await csrf(sessions, protection)(request, form.get(protection.field ?? '_csrf'))
      const field = (name: string) => form.get(name)
      await send(response, await application({ request, url: request.url ?? '', field }))
    })
    return listening(createServer(handler))
  })
}

// `node wrong-adapters.ts`: runs the suite on all of them.
if (process.argv[1] === import.meta.filename) {
  for (const [name, adapter] of Object.entries(ADAPTERS)) runSuiteOn(name, adapter)
  runSuiteOn(NONE, right)
  for (const [name, mistake] of Object.entries(WITHIN)) runCurrentOn(name, mistake)
}
