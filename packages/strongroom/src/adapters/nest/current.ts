import {
  type ArgumentsHost,
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  UnauthorizedException,
} from '@nestjs/common'
import { booleanOption, checkOptions } from '../../base/check.ts'
import { NotAttachedError, UnsupportedError } from '../../errors.ts'
import type { GetOptions } from '../../request/visit.ts'
import type { Session } from '../../session/session.ts'
import { exceptionOf, SessionException } from './exception.ts'
import { sessionsOf } from './mount.ts'

/**
 * The session of a handler's request: `list(@CurrentSession() session: Session<Data>)`. It is loaded by then, as
 * `await sessions.get(request, options)` loads it. Throws `ConfigError` for a wrong option. A session that cannot be loaded is a
 * `SessionException`, as in all of this subpath.
 */
export function CurrentSession(options: GetOptions = {}): ParameterDecorator {
  checkOptions('@CurrentSession()', options, ['fresh', 'onStoreError'])
  return currentSession(options)
}

// Nest awaits what the factory returns before it calls the handler.
const currentSession = createParamDecorator((options: GetOptions | undefined, context: ExecutionContext) =>
  sessionOf(context, options),
)

/** The id of the user who is signed in, or null: `list(@UserId() userId: string)` in a handler behind `SignedIn`. */
export function UserId(): ParameterDecorator {
  return userId()
}

const userId = createParamDecorator(
  async (_: undefined, context: ExecutionContext) => (await sessionOf(context)).userId,
)

/**
 * The session of a request, for guards and interceptors of your own. Rejects with `SessionException` if it cannot be loaded, and with
 * `UnsupportedError` where there is no request of HTTP: in a gateway, a microservice and a GraphQL resolver.
 */
export async function sessionOf<Data extends object = Record<string, unknown>>(
  context: ArgumentsHost,
  options?: GetOptions,
): Promise<Session<Data>> {
  return load<Data>(requestOf(context), options)
}

async function load<Data extends object>(request: object, options?: GetOptions): Promise<Session<Data>> {
  const sessions = sessionsOf(request)
  if (!sessions) throw new SessionException(new NotAttachedError(NOT_IMPORTED))
  try {
    return (await sessions.get(request, options)) as unknown as Session<Data>
  } catch (error) {
    throw exceptionOf(error)
  }
}

const NOT_IMPORTED =
  'This request did not come through StrongroomModule. Add StrongroomModule.forRoot({ sessions }) to the imports of the root module. Middleware that is passed to app.use() runs before it.'

function requestOf(context: ArgumentsHost): object {
  const type = context.getType<string>()
  if (type === 'http') return context.switchToHttp().getRequest()
  throw new UnsupportedError(
    `There is no request of HTTP in a context of type "${type}", and so no session. ${INSTEAD[type] ?? INSTEAD.rpc}`,
  )
}

const INSTEAD: Readonly<Record<string, string>> = {
  graphql:
    'In a resolver, inject the sessions and use sessions.get(context.req). For a guard, extend SignedIn and override getRequest().',
  ws: 'In a gateway, inject the sessions and use sessions.read(request) with the request of the handshake.',
  rpc: 'A message of a microservice has no visitor.',
}

/** Options of the guard `SignedIn`. */
export interface SignedInOptions {
  /** Asks the store itself, whatever copies a cache has: see `GetOptions`. Default false. */
  readonly fresh?: boolean | undefined
}

/**
 * A guard for handlers and controllers: `@UseGuards(SignedIn)`, or `@UseGuards(new SignedIn({ fresh: true }))`. Anyone who is not signed in gets
 * a 401, by an `UnauthorizedException`. A session that could not be loaded is no 401, but a `SessionException`. Throws `ConfigError` for a
 * wrong option.
 */
export class SignedIn implements CanActivate {
  readonly #options: GetOptions

  constructor(options: SignedInOptions = {}) {
    checkOptions('new SignedIn()', options, ['fresh'])
    const fresh = booleanOption('Option "fresh" of new SignedIn()', options.fresh, false)
    // Whatever createSessions says: a stand-in is nobody, and an outage would tell every user to sign in.
    this.#options = { fresh, onStoreError: 'throw' }
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { userId } = await load(this.getRequest(context), this.#options)
    if (userId === null) throw new UnauthorizedException()
    return true
  }

  /** The request of HTTP. Override it where that is elsewhere, as in GraphQL: `GqlExecutionContext.create(context).getContext().req`. */
  getRequest(context: ExecutionContext): object {
    return requestOf(context)
  }
}
