import type { SessionOptions } from 'express-session'
import type { Case, Handler, LooseRequest } from './run.ts'

const send: Handler = (request, response) => void response.json(dataOf(request))

/** The data of a session, without its cookie. */
export function dataOf({ session }: Pick<LooseRequest, 'session'>): unknown {
  if (session == null) return null
  const { cookie: _, ...data } = session
  return data
}

const change =
  (work: (session: LooseRequest['session'], request: LooseRequest) => void): Handler =>
  (request, response) => {
    work(request.session, request)
    response.json(dataOf(request))
  }

/** With a callback: what it was called with, and what `req.session` is then. */
const call =
  (method: 'save' | 'reload' | 'regenerate' | 'destroy'): Handler =>
  (request, response, { note, id }) => {
    const before = request.sessionID
    const session = request.session
    const returned = session[method]((error?: unknown) => {
      note(error instanceof Error ? 'error' : 'done', request.session === session, id(before), id(request.sessionID))
      response.json(dataOf(request))
    })
    note('returns itself', returned === session, typeof request.session)
  }

/** What most applications do. */
const common: Readonly<Record<string, Handler>> = {
  '/': send,
  '/text': (_request, response) => void response.send('text'),
  '/write': change((session) => {
    session.a = 1
  }),
  '/count': change((session) => {
    session.count = ((session.count as number | undefined) ?? 0) + 1
  }),
  '/same': change((session) => {
    const { a } = session
    session.a = a
  }),
  '/delete': change((session) => {
    delete session.a
  }),
  '/nested': change((session) => {
    session.cart ??= { items: [] }
    ;(session.cart as { items: string[] }).items.push('tea')
  }),
  '/touch': change((session) => void session.touch()),
  '/reset': change((session) => void session.resetMaxAge()),
  '/longer': change((session) => {
    session.cookie.maxAge = 3_600_000
  }),
  '/expires': change((session) => {
    session.cookie.expires = new Date(Date.now() + 7_200_000)
  }),
  '/browser': change((session) => {
    session.cookie.expires = null as never
  }),
  '/strict': change((session) => {
    session.cookie.sameSite = 'strict'
  }),
  '/null': (request, response) => {
    request.session = null as never
    response.send('unset')
  },
  '/unset': (request, response) => {
    delete (request as { session?: unknown }).session
    response.send('unset')
  },
  '/save-null': (request, response) => {
    request.session.user = 'ada'
    request.session.save(() => {
      request.session = null as never
      response.send('unset')
    })
  },
  '/save': call('save'),
  '/reload': call('reload'),
  '/regenerate': call('regenerate'),
  '/destroy': call('destroy'),
  '/login': (request, response) => {
    request.session.regenerate(() => {
      request.session.user = 'ada'
      request.session.save(() => response.redirect('/'))
    })
  },
  '/logout': (request, response) => {
    request.session.destroy(() => response.redirect('/'))
  },
}

const scripts: Readonly<Record<string, readonly string[]>> = {
  'a visit that writes nothing': ['/', '/', '/text'],
  'a write, and reads': ['/write', '/', '/text', '/same', '/'],
  'several writes': ['/count', '/count', '/', '/count'],
  'a key that is deleted': ['/write', '/delete', '/', '/delete', '/'],
  'a nested change': ['/nested', '/nested', '/'],
  'touch and resetMaxAge': ['/touch', '/write', '/touch', '/reset', '/'],
  'a changed maxAge': ['/write', '/longer', '/', '/count', '/'],
  'an expires': ['/write', '/expires', '/', '/count'],
  'a cookie that becomes one of the browser': ['/write', '/browser', '/', '/count'],
  'an attribute that is changed': ['/write', '/strict', '/count', '/'],
  'a session that is unset': ['/write', '/null', '/', '/unset', '/'],
  'a session that is unset when there is none': ['/null', '/unset', '/'],
  'a session that is saved, and then unset': ['/save-null', '/', '/write', '/save-null', '/'],
  save: ['/save', '/', '/write', '/save', '/'],
  reload: ['/write', '/reload', '/'],
  regenerate: ['/regenerate', '/', '/write', '/regenerate', '/'],
  destroy: ['/destroy', '/', '/write', '/destroy', '/'],
  'a login and a logout': ['/write', '/login', '/', '/logout', '/'],
}

/** Half of all sets, in which any three options have all their combinations; random applications have the others, too. */
function optionSets(): [string, Partial<SessionOptions>][] {
  const flags = [false, true]
  return flags.flatMap((resave) =>
    flags.flatMap((saveUninitialized) =>
      flags.flatMap((rolling) =>
        [undefined, 60_000].flatMap((maxAge): [string, Partial<SessionOptions>][] => {
          const named = Object.entries({ resave, saveUninitialized, rolling, maxAge })
          if (named.filter(([, value]) => value).length % 2 === 1) return []
          const title = named.flatMap(([name, value]) => (value ? [name] : [])).join(', ') || 'nothing set'
          return [[title, { resave, saveUninitialized, rolling, ...(maxAge && { cookie: { maxAge } }) }]]
        }),
      ),
    ),
  )
}

const everywhere: Case[] = optionSets().flatMap(([set, options]) =>
  Object.entries(scripts).map(([name, script]) => ({ title: `${name} (${set})`, options, handlers: common, script })),
)

const unset: Case[] = (['keep', 'destroy'] as const).map((unset) => ({
  title: `unset: ${unset}`,
  options: { unset },
  handlers: common,
  script: ['/write', '/null', '/', '/write', '/unset', '/', '/null', '/unset'],
}))

const https = { 'x-forwarded-proto': 'https' }

function attributes(title: string, cookie: unknown, more: Partial<Case> = {}): Case {
  return {
    title: `cookie: ${title}`,
    handlers: { ...common, ...more.handlers },
    script: more.script ?? ['/write', '/', '/count'],
    ...(more.mount && { mount: more.mount }),
    options: { ...more.options, cookie: cookie as NonNullable<SessionOptions['cookie']> },
  }
}

const trusting: NonNullable<Case['mount']> = (app, session, options) => {
  app.set('trust proxy', true)
  app.use(session(options))
}
const schemes = [
  '/write',
  { path: '/write', headers: https },
  { path: '/write', headers: { 'x-forwarded-proto': 'HTTPS , http' }, visitor: 'b' },
]

const cookies: Case[] = [
  attributes(
    'path',
    { path: '/shop' },
    {
      handlers: { '/shop/write': common['/write'] as Handler, '/shopping': send, '/seen': seesSession() },
      script: ['/shop/write', '/shop/write', '/seen', '/shopping'],
    },
  ),
  attributes('domain', { domain: 'example.org' }),
  attributes('httpOnly: false', { httpOnly: false }),
  attributes('partitioned', { partitioned: true }),
  attributes('priority', { priority: 'high' }),
  ...(['lax', 'strict', 'none', true, false] as const).map((sameSite) =>
    attributes(`sameSite: ${sameSite}`, { sameSite }),
  ),
  attributes('maxAge: null', { maxAge: null }),
  attributes('expires', { expires: new Date(Date.now() + 3_600_000) }),
  ...[true, false, 'auto'].flatMap((secure) =>
    [undefined, true, false].flatMap((proxy) => [
      attributes(`secure: ${secure}, proxy: ${proxy}`, { secure }, { options: { proxy } as never, script: schemes }),
      attributes(
        `secure: ${secure}, proxy: ${proxy}, trust proxy`,
        { secure },
        { options: { proxy } as never, script: schemes, mount: trusting },
      ),
    ]),
  ),
  attributes('sameSite: auto', { sameSite: 'auto' }, { options: { proxy: true }, script: schemes }),
  attributes(
    'secure and sameSite: auto',
    { secure: 'auto', sameSite: 'auto' },
    { options: { proxy: true }, script: schemes },
  ),
  attributes(
    'a function',
    (request: { url: string }) => ({
      path: '/',
      httpOnly: false,
      maxAge: request.url === '/write' ? 60_000 : 3_600_000,
    }),
    { script: ['/write', '/', '/count', { path: '/count', visitor: 'b' }] },
  ),
  attributes('a function, and secure: auto', () => ({ secure: 'auto' }), { script: schemes }),
]

function seesSession(): Handler {
  return (request, response, { note, id }) => {
    note(request.session === undefined ? 'no session' : 'session', id(request.sessionID), typeof request.sessionStore)
    response.send('seen')
  }
}

const enumerates: Handler = (request, response, { note }) => {
  const { session } = request
  const names: string[] = []
  for (const name in session) names.push(name)
  note(names, Object.keys(session), 'a' in session, 'save' in session, Object.hasOwn(session, 'save'), 'req' in session)
  note(JSON.stringify({ ...session, cookie: Object.keys(JSON.parse(JSON.stringify(session.cookie))).sort() }))
  note(Object.keys(JSON.parse(JSON.stringify(session)) as object))
  note(
    session.constructor.name,
    typeof session.cookie,
    session.cookie.constructor.name,
    session.req === (request as never),
  )
  response.json(dataOf(request))
}

const ids: Handler = (request, response, { note, id }) => {
  note(id(request.sessionID), request.session.id === request.sessionID, typeof request.sessionID)
  response.send('ids')
}

const values: Case[] = Object.entries<() => unknown>({
  'a Date': () => new Date(0),
  'a Map': () => new Map([['a', 1]]),
  undefined: () => undefined,
  'a function': () => () => 1,
  NaN: () => Number.NaN,
  Infinity: () => Number.POSITIVE_INFINITY,
  'a symbol': () => Symbol('a'),
  'an array with holes': () => [1, undefined, 3],
  'an object with undefined': () => ({ a: undefined, b: [() => 1] }),
  toJSON: () => ({ toJSON: () => 'json' }),
  'an instance': () =>
    new (class Tea {
      kind = 'green'
    })(),
  null: () => null,
  'an empty string': () => '',
  __proto__: () => JSON.parse('{"__proto__":1}'),
  'a boxed string': () => new String('boxed'),
  'a deep object': () => ({ a: { b: { c: { d: [1, [2, [3]]] } } } }),
  'a circle': () => {
    const circle: { self?: unknown } = {}
    circle.self = circle
    return circle
  },
  'a BigInt': () => 1n,
}).map(([name, make]) => ({
  title: `a value that is ${name}`,
  handlers: {
    ...common,
    '/value': (request, response) => {
      request.session.value = make()
      response.send('set')
    },
    '/saved': (request, response, { note }) => {
      request.session.value = make()
      try {
        request.session.save((error?: unknown) => {
          note(error instanceof Error ? 'error' : 'done')
          response.send('set')
        })
      } catch {
        note('throws')
        response.send('set')
      }
    },
  },
  script: ['/write', '/value', '/', '/'],
}))

const keys: Case[] = [
  'save',
  'id',
  'req',
  'touch',
  'cookie',
  'constructor',
  'toString',
  '__proto__',
  'hasOwnProperty',
  '~flash',
  '',
  'a.b',
  'ключ',
].map((key) => ({
  title: `a key named ${JSON.stringify(key)}`,
  handlers: {
    ...common,
    '/set': (request, response, { note }) => {
      try {
        Object.defineProperty(request.session, key, {
          value: 'data',
          enumerable: true,
          configurable: true,
          writable: true,
        })
      } catch {
        note('throws')
      }
      response.send('set')
    },
    '/get': (request, response, { note }) => {
      note(Object.hasOwn(request.session, key), typeof request.session[key])
      response.send('get')
    },
  },
  script: ['/write', '/set', '/get', '/'],
}))

const streaming: Handler = (request, response) => {
  request.session.a = 1
  response.write('one ')
  setImmediate(() => {
    response.write('two ')
    response.end('three')
  })
}

const responses: Case[] = [
  {
    title: 'kinds of responses',
    handlers: {
      ...common,
      '/204': (request, response) => {
        request.session.a = 204
        response.status(204).end()
      },
      '/304': (request, response) => {
        request.session.a = 304
        response.status(304).end()
      },
      '/stream': streaming,
      '/write-head': (request, response) => {
        request.session.head = true
        response.writeHead(201, { 'Set-Cookie': 'own=1', 'Content-Type': 'text/plain' })
        response.end('head')
      },
      '/own-cookie': (request, response) => {
        request.session.own = true
        response.cookie('own', '1').cookie('other', '2').send('own')
      },
      '/length': (request, response) => {
        request.session.length = true
        response.setHeader('Content-Length', 4)
        response.end('four')
      },
      '/empty': (request, response) => {
        request.session.empty = true
        response.setHeader('Content-Length', 0)
        response.end()
      },
      '/end-null': (request, response) => {
        request.session.nothing = true
        response.end(null)
      },
      '/redirect': (request, response) => {
        request.session.to = '/'
        response.redirect('/')
      },
      '/file': (request, response) => {
        request.session.file = true
        response.sendFile('package.json', { root: process.cwd(), headers: { 'Content-Type': 'text/plain' } })
      },
    },
    script: [
      '/204',
      '/',
      '/304',
      '/',
      '/stream',
      '/',
      '/write-head',
      '/',
      '/own-cookie',
      '/',
      '/length',
      '/',
      '/empty',
      '/',
      '/end-null',
      '/',
      '/redirect',
      '/',
      { path: '/write', method: 'HEAD' },
      { path: '/count', method: 'HEAD' },
      '/',
      { path: '/count', method: 'POST' },
      { path: '/count', method: 'OPTIONS' },
      '/missing',
      '/',
    ],
  },
  {
    title: 'a response that is ended twice',
    handlers: {
      ...common,
      '/twice': (request, response) => {
        request.session.twice = true
        response.end('once')
        response.end('twice')
      },
      '/empty': (request, response) => {
        request.session.empty = true
        response.end('once')
        response.end()
      },
      '/read': (_request, response) => {
        response.end('once')
        response.end('twice')
      },
    },
    script: ['/twice', '/', '/empty', '/', '/read'],
  },
  {
    title: 'a change after the end of the response',
    handlers: {
      ...common,
      '/late': (request, response) => {
        request.session.early = true
        response.send('sent')
        try {
          request.session.late = true
        } catch {}
      },
      '/later': (request, response) => {
        response.write('begun')
        request.session.later = true
        response.end()
      },
    },
    script: ['/late', '/', '/write', '/later', '/'],
  },
  {
    title: 'errors',
    handlers: {
      ...common,
      '/throws': (request) => {
        request.session.thrown = true
        throw new Error('thrown')
      },
      '/next': (request, _response, _notes, next) => {
        request.session.nexted = true
        next(new Error('next'))
      },
      '/500': (request, response) => {
        request.session.fivehundred = true
        response.status(500).send('own page')
      },
      '/rejects': async (request) => {
        request.session.rejected = true
        throw new Error('rejected')
      },
    },
    script: ['/throws', '/', '/next', '/', '/500', '/', '/rejects', '/'],
  },
]

const foreign = (title: string, cookie: (jar: string) => string): Case => ({
  title: `a cookie that ${title}`,
  handlers: { ...common, '/ids': ids },
  script: [
    '/write',
    '/',
    { path: '/', cookie },
    { path: '/ids', cookie },
    { path: '/count', cookie, visitor: 'b' },
    '/',
  ],
})

const strange: Case[] = [
  foreign('is altered in its last character', (jar) => jar.slice(0, -1) + (jar.endsWith('A') ? 'B' : 'A')),
  foreign('is cut off', (jar) => jar.slice(0, -10)),
  foreign('is empty', () => 'connect.sid='),
  foreign('is no value of ours', () => 'connect.sid=hello'),
  foreign('is unsigned', () => 'connect.sid=abcdefghijklmnopqrstuvwxyz012345'),
  foreign(
    'has another signature',
    () => 'connect.sid=s%3Aabcdefghijklmnopqrstuvwxyz012345.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  ),
  foreign('is not UTF-8', () => 'connect.sid=%E0%A4%A'),
  foreign('is between others', (jar) => `a=1; ${jar}; b=2`),
  foreign('is quoted', (jar) => jar.replace('=', '="').concat('"')),
  foreign('comes first, and a wrong one after it', (jar) => `${jar}; connect.sid=wrong`),
  foreign('comes after a wrong one', (jar) => `connect.sid=wrong; ${jar}`),
]

const mounts: Case[] = [
  {
    title: 'mounted twice',
    handlers: common,
    mount: (app, session, options) => void app.use(session(options), session(options)),
    script: ['/write', '/count', '/', '/destroy', '/'],
  },
  {
    title: 'mounted below a path',
    handlers: { '/app/write': common['/write'] as Handler, '/app': send, '/seen': seesSession() },
    mount: (app, session, options) => void app.use('/app', session(options)),
    script: ['/app/write', '/app', '/seen'],
  },
  {
    title: 'mounted below the path of its cookie',
    options: { cookie: { path: '/app' } },
    handlers: { '/app/write': common['/write'] as Handler, '/app': send, '/seen': seesSession() },
    mount: (app, session, options) => void app.use('/app', session(options)),
    script: ['/app/write', '/app', '/seen'],
  },
  {
    title: 'a req.session that is there before',
    handlers: { '/': (request, response) => void response.json(request.session) },
    mount: (app, session, options) =>
      void app.use((request, _response, next) => {
        Object.assign(request, { session: { before: true } })
        next()
      }, session(options)),
    script: ['/', '/'],
  },
  {
    title: 'two of other names',
    handlers: common,
    mount: (app, session, options) => {
      app.use(
        '/one',
        session({ ...options, name: 'one' }),
        (request, response) => void response.json(dataOf(request as never)),
      )
      app.use(session({ ...options, name: 'two' }))
    },
    script: ['/write', '/one', '/', '/one'],
  },
  { title: 'name', options: { name: 'sid' }, handlers: common, script: ['/write', '/', '/destroy'] },
  { title: 'no secret', options: { secret: undefined as never }, handlers: common, script: ['/', '/write'] },
  {
    title: 'secrets in a list',
    options: { secret: ['a new secret of thirty-two bytes or more', 'an old secret of thirty-two bytes or more'] },
    handlers: common,
    script: ['/write', '/'],
  },
  {
    title: 'a WebSocket-like response without methods',
    handlers: {},
    mount: (app, session, options) => {
      const middleware = session(options)
      app.get('/set', middleware, (request, response) => {
        ;(request as unknown as LooseRequest).session.a = 1
        response.send('set')
      })
      app.get('/upgrade', (request, response) => {
        middleware(request, {} as never, () => response.json(dataOf(request as never)))
      })
    },
    script: ['/set', '/upgrade', { path: '/upgrade', visitor: 'b' }],
  },
]

const methods: Case[] = [
  {
    title: 'ids',
    handlers: {
      ...common,
      '/ids': ids,
      '/both': (request, response, { note, id }) => {
        const [before, old] = [request.sessionID, request.session]
        request.session.regenerate(() => {
          note(id(before), id(request.sessionID), id(request.session.id), before === old.id, old === request.session)
          response.send('ids')
        })
      },
    },
    script: ['/ids', '/ids', '/write', '/ids', '/count', '/ids', '/both', '/ids', '/write', '/ids', '/destroy', '/ids'],
  },
  {
    title: 'own properties',
    handlers: { ...common, '/keys': enumerates },
    script: ['/keys', '/write', '/keys', '/nested', '/keys'],
  },
  {
    title: 'the cookie object',
    options: { cookie: { maxAge: 60_000, sameSite: 'lax' } },
    handlers: {
      ...common,
      '/cookie': (request, response, { note }) => {
        const cookie = request.session.cookie as typeof request.session.cookie & {
          partitioned: unknown
          priority: unknown
        }
        note(
          cookie.originalMaxAge,
          Math.round((cookie.maxAge ?? 0) / 15_000),
          cookie.expires instanceof Date,
          cookie.path,
          cookie.httpOnly,
          cookie.sameSite,
          cookie.secure,
          cookie.domain,
          cookie.partitioned,
          cookie.priority,
        )
        const { expires, ...rest } = JSON.parse(JSON.stringify(cookie)) as Record<string, unknown>
        note(typeof expires, rest, Object.keys(cookie))
        response.send('cookie')
      },
    },
    script: [
      '/cookie',
      '/write',
      { path: '/cookie', after: 30_000 },
      { path: '/cookie', after: 20_000 },
      '/longer',
      '/cookie',
      '/expires',
      '/cookie',
      '/browser',
      '/cookie',
    ],
  },
  {
    title: 'a maxAge that is no number',
    handlers: {
      '/wrong': (request, response, { note }) => {
        try {
          request.session.cookie.maxAge = '60000' as never
          note('taken')
        } catch (error) {
          note((error as Error).name)
        }
        response.send('wrong')
      },
    },
    script: ['/wrong'],
  },
  {
    title: 'expiry',
    options: { cookie: { maxAge: 60_000 } },
    handlers: common,
    script: ['/write', { path: '/', after: 50_000 }, { path: '/', after: 50_000 }, { path: '/', after: 70_000 }, '/'],
  },
  {
    title: 'expiry, rolling',
    options: { cookie: { maxAge: 60_000 }, rolling: true },
    handlers: common,
    script: ['/write', { path: '/', after: 50_000 }, { path: '/', after: 50_000 }, { path: '/', after: 70_000 }, '/'],
  },
  {
    title: 'expiry of one session',
    handlers: common,
    script: [
      '/write',
      '/longer',
      { path: '/', after: 3_000_000 },
      { path: '/', after: 3_000_000 },
      { path: '/', after: 4_000_000 },
    ],
  },
  {
    title: 'maxAge 0 and below',
    handlers: {
      ...common,
      '/zero': change((session) => {
        session.cookie.maxAge = 0
      }),
      '/negative': change((session) => {
        session.cookie.maxAge = -1
      }),
    },
    script: ['/write', '/zero', '/', '/write', '/negative', '/'],
  },
  {
    title: 'chains and several calls',
    handlers: {
      ...common,
      '/chain': (request, response, { note, id }) => {
        const first = request.sessionID
        request.session.a = 'first'
        request.session.save(() => {
          request.session.a = 'second'
          request.session.regenerate(() => {
            note(id(first), id(request.sessionID), dataOf(request))
            request.session.b = 'third'
            request.session.save(() => {
              request.session.b = 'fourth'
              request.session.reload(() => {
                note(dataOf(request))
                request.session.c = 'fifth'
                response.json(dataOf(request))
              })
            })
          })
        })
      },
      '/twice': (request, response, { note }) => {
        request.session.twice = ((request.session.twice as number) ?? 0) + 1
        request.session.save(() =>
          request.session.save(() => {
            note('saved twice')
            response.json(dataOf(request))
          }),
        )
      },
      '/no-callback': (request, response) => {
        request.session.quiet = true
        request.session.save()
        response.send('saved')
      },
      '/touch-save': (request, response, { note }) => {
        note(
          request.session.touch() === request.session,
          request.session.resetMaxAge() === request.session,
          request.session.touch().save() === request.session,
        )
        response.send('touched')
      },
      '/destroy-then-write': (request, response, { note }) => {
        const { session } = request
        session.destroy(() => {
          note(request.session === undefined, 'session' in request)
          session.zombie = true
          response.send('ended')
        })
      },
      '/destroy-then-save': (request, response, { note }) => {
        const { session } = request
        session.destroy(() => {
          session.zombie = true
          session.save((error?: unknown) => {
            note(error ? 'error' : 'saved')
            response.send('ended')
          })
        })
      },
      '/reload-drops': (request, response, { note }) => {
        request.session.dropped = true
        request.session.reload((error) => {
          note(error ? 'error' : 'done', dataOf(request))
          response.send('reloaded')
        })
      },
      '/regenerate-keeps-old': (request, response, { note }) => {
        const old = request.session
        old.regenerate(() => {
          old.late = true
          note(dataOf(request), dataOf({ session: old }))
          response.send('done')
        })
      },
      '/response-first': (request, response) => {
        response.send('sent')
        request.session.after = true
        request.session.save()
      },
      '/regenerate-no-callback': (request, response, { note }) => {
        try {
          ;(request.session.regenerate as unknown as () => void)()
        } catch {
          note('throws')
        }
        response.send('done')
      },
    },
    script: [
      '/chain',
      '/',
      '/twice',
      '/',
      '/no-callback',
      '/',
      '/touch-save',
      '/',
      '/reload-drops',
      '/',
      '/regenerate-keeps-old',
      '/',
      '/write',
      '/destroy-then-write',
      '/',
      '/write',
      '/destroy-then-save',
      '/',
      '/write',
      '/response-first',
      '/',
    ],
  },
  {
    title: 'reload and destroy of a session that is not stored',
    handlers: { ...common, '/ids': ids },
    script: ['/reload', '/', '/destroy', '/', '/ids'],
  },
  {
    title: 'sessions of two visitors',
    handlers: common,
    script: ['/write', { path: '/', visitor: 'b' }, { path: '/count', visitor: 'b' }, '/', { path: '/', visitor: 'b' }],
  },
  {
    title: 'req.session replaced by another object',
    handlers: {
      ...common,
      '/replace': (request, response) => {
        request.session = { plain: true } as never
        response.send('replaced')
      },
      '/assign': (request, response) => {
        Object.assign(request.session, { data: { listKey: 'User', itemId: '1' } })
        response.send('assigned')
      },
    },
    script: ['/write', '/assign', '/', '/replace', '/'],
  },
  {
    title: 'a cookie that a copy still has after regenerate and destroy',
    handlers: common,
    script: ['/write', { path: '/', visitor: 'copy', cookie: '' }, '/login', '/logout', '/'],
  },
]

export const cases: readonly Case[] = [
  ...everywhere,
  ...unset,
  ...cookies,
  ...values,
  ...keys,
  ...responses,
  ...strange,
  ...mounts,
  ...methods,
]
