import { type Mutation, on } from './mutation.ts'

const SOURCE = 'packages/strongroom/src'
const by = (suite: string, file: string) => on(`test/${suite}.test.ts`, `${SOURCE}/${file}.ts`)

/** Mistakes by which code would get the session of another request, or none; and what a log must not show. */
export const currentMutations: readonly Mutation[] = [
  by('adapters/current', 'request/current')(
    'current: a request that is left for the next one on its connection',
    'storage.run({ ...storage.getStore(), [key]: request }, work, ...args),',
    '(storage.enterWith({ ...storage.getStore(), [key]: request }), work(...args)),',
  ),
  by('adapters/current', 'request/current')(
    'current: a request of another createSessions',
    'const key = Symbol()',
    "const key = Symbol.for('one')",
  ),
  by('adapters/current', 'request/current')(
    'current: a request that hides those of other createSessions',
    '{ ...storage.getStore(), [key]: request }',
    '{ [key]: request }',
  ),
  by('adapters/current', 'request/current')(
    'current: outside of a request, nothing is said',
    'if (request === null) throw new NotAttachedError(messages.outside)',
    'if (request === null) return {}',
  ),
  by('adapters/express5', 'adapters/express')(
    'current: a middleware of Express that does not say whose work it is',
    'sessions.within(request, next)',
    'next()',
  ),
  by('adapters/fastify', 'adapters/fastify')(
    'current: a plugin of Fastify that does not say whose work it is',
    'sessions.within(request, done)',
    'done()',
  ),
  by('adapters/pipelined', 'adapters/node/events')(
    'current: an event of a response, in the context of the response before it',
    'if (next === null) emitter.emit = emitBound',
    'if (next === undefined) emitter.emit = emitBound',
  ),
  by('adapters/pipelined', 'adapters/node/events')(
    'current: an event that is of the first of two createSessions alone',
    'next ? run : runLast',
    'next ? runLast : runLast',
  ),
  by('adapters/pipelined', 'adapters/node/watch')(
    'current: a callback of write in the context of another visitor',
    "if (typeof args[last] === 'function') args[last]",
    "if (typeof args[last] === 'function' && last < 0) args[last]",
  ),
  by('adapters/pipelined', 'adapters/ws/socket')(
    'current: a callback of send in the context of the message that was compressed before',
    "typeof arg === 'function' ? AsyncLocalStorage",
    "typeof arg === 'function' && args.length < 0 ? AsyncLocalStorage",
  ),
  by('adapters/current', 'adapters/h3/application')(
    'current: the session of one visitor in a page that Nitro caches for everybody',
    'if ((event.context as { cache?: unknown }).cache === undefined) return event',
    'return event',
  ),
  by('engines/printed', 'base/print')(
    'print: sessions and stores that print all that they are',
    'Object.defineProperty(object, INSPECT, { value: print })',
    'Object.assign(object, { print })',
  ),
  by('engines/printed', 'request/visit')(
    'print: a visit with the cookies of its request',
    "return 'Visit {}'",
    'return String((this.frameworkRequest as { headers?: { cookie?: string } } | null)?.headers?.cookie)',
  ),
]
