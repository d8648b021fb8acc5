import { type Mutation, on } from './mutation.ts'

const nest = (file: string) => `packages/strongroom/src/adapters/${file}.ts`
const application = (file: string) => on('test/adapters/nest/application12.test.ts', nest(file))
const contexts = (file: string) => on('test/adapters/nest/contexts.test.ts', nest(file))
const suite = (file: string) => on('test/adapters/nest/suite12.test.ts', nest(file))
const mistakes = (file: string) => on('test/adapters/nest/mistakes.test.ts', nest(file))

/** Sessions of a Nest application: where they come from, and where their errors go. */
export const nestMutations: readonly Mutation[] = [
  application('nest')(
    'a filter of the module that is asked before those of the application',
    'getGlobalFilters().unshift(',
    'getGlobalFilters().push(',
  ),
  application('nest')(
    'sessions that every application closes',
    'if (this.#options?.closeOnShutdown)',
    'if (this.#options)',
  ),
  application('nest')(
    'a module without its sessions that does not say so',
    'throw new ConfigError(WITHOUT_SESSIONS)',
    'throw new TypeError()',
  ),
  on('test/adapters/nest/copies.test.ts', nest('nest'))(
    'a second copy of Nest that is not named',
    'throw new ConfigError(OTHER_COPY)',
    'throw new TypeError()',
  ),
  mistakes('nest')(
    'options of csrf that are checked when the first request comes',
    '  if (csrf !== false) csrfPolicy(protection as CsrfOptions)\n',
    '',
  ),
  application('nest/mount')(
    'decorators that take the one or the other createSessions',
    'before !== undefined && before !== sessions',
    'before === null',
  ),
  application('nest/mount')(
    'two visits of one request, by its two names under Fastify',
    'sessions.attach(request, begun, request.raw)',
    'begin(sessions, request as never, reply.raw)',
  ),
  application('nest/mount')(
    'an error of the save that no filter under Fastify gets',
    'if (reply && !reply.sent) {',
    'if (reply?.sent) {',
  ),
  application('nest/mount')(
    'a visitor who waits for a reply that was hijacked',
    'if (reply && !reply.sent) {',
    'if (reply) {',
  ),
  suite('nest/mount')(
    'an error page under Fastify with the ETag of the page that failed',
    'dropBodyHeaders(replyHeaders(reply))\n',
    '\n',
  ),
  application('nest/mount')(
    'an error of the save without its status in a filter under Fastify',
    'reply.send(exceptionOf(error))',
    'reply.send(error)',
  ),
  application('nest/mount')(
    'an error of the save without its status in a filter under Express',
    '} else if (next) next(exceptionOf(error) as Error)',
    '} else if (next) next(error as Error)',
  ),
  application('nest/mount')(
    'an option csrf that Express does not hear of',
    'if (protection) adapter.use(csrfOf(sessions, protection))',
    '',
  ),
  suite('nest/mount')(
    'a token in a form that is looked for before the form is parsed',
    "instance.addHook('preValidation', (request, reply, done)",
    "instance.addHook('onRequest', (request, reply, done)",
  ),
  application('nest/mount')(
    'a Fastify without middie that does not start',
    'if (instance.use) adapter.use(',
    'adapter.use(',
  ),
  application('nest/mount')(
    'a property of the application that is taken for the request of Node',
    'return sessions ?? raw?.[SESSIONS]',
    'return raw ? raw[SESSIONS] : sessions',
  ),
  application('nest/exception')(
    'a message for developers that visitors of a Nest application read',
    'super(error.publicMessage,',
    'super(error.message,',
  ),
  application('nest/exception')('a mistake of the application that nobody is told', '    log(this.cause)\n', ''),
  contexts('nest/exception')(
    'an error in GraphQL that counts as a result',
    '        log(error)\n        return exception\n',
    '        return undefined\n',
  ),
  application('nest/current')(
    'a guard that lets everybody pass',
    'if (userId === null) throw new UnauthorizedException()',
    "if (userId === '') throw new UnauthorizedException()",
  ),
  application('nest/current')(
    'a guard that believes copies in a cache',
    'load(this.getRequest(context), this.#options)',
    'load(this.getRequest(context))',
  ),
  application('nest/current')(
    'an error of loading without its status in a filter',
    'throw exceptionOf(error)',
    'throw error',
  ),
  application('nest/current')(
    'a decorator that ignores its options',
    'sessionOf(context, options),',
    'sessionOf(context),',
  ),
  application('nest/current')(
    'an outage that tells users of Nest to sign in',
    "this.#options = { fresh, onStoreError: 'throw' }",
    'this.#options = { fresh }',
  ),
  contexts('nest/current')(
    'a message of a microservice that is taken for a request',
    "if (type === 'http') return",
    "if (type !== 'ws') return",
  ),
]
