import {
  type DynamicModule,
  type FactoryProvider,
  Inject,
  Module,
  type ModuleMetadata,
  type NestModule,
  type OnApplicationShutdown,
  Optional,
  type Provider,
} from '@nestjs/common'
import { type ApplicationConfig, HttpAdapterHost, ModuleRef } from '@nestjs/core'
import type { Awaitable } from '../base/awaitable.ts'
import { booleanOption, checkOptions } from '../base/check.ts'
import { ConfigError } from '../errors.ts'
import { type CsrfOptions, csrfPolicy } from '../http/csrf.ts'
import type { BaseSessions } from '../sessions.ts'
import { StrongroomFilter } from './nest/exception.ts'
import { mount } from './nest/mount.ts'
import { checkSessions } from './shared/check.ts'

export { CurrentSession, SignedIn, type SignedInOptions, sessionOf, UserId } from './nest/current.ts'
export { SessionException } from './nest/exception.ts'
export type { CsrfOptions }

/** Options of `StrongroomModule.forRoot`. */
export interface StrongroomOptions<Data extends object> {
  /** What `createSessions` has returned. */
  readonly sessions: BaseSessions<Data>
  /** Refuses requests that the page of another site may have made, on all routes. True for the defaults of `CsrfOptions`. Default false. */
  readonly csrf?: CsrfOptions | boolean | undefined
  /** Calls `sessions.close()` when the application is closed, after its server. Default false: who has made them closes them. */
  readonly closeOnShutdown?: boolean | undefined
}

/** Options of `StrongroomModule.forRootAsync`. */
export interface StrongroomAsyncOptions<Data extends object> extends Pick<ModuleMetadata, 'imports'> {
  readonly inject?: FactoryProvider['inject']
  /** Gets what `inject` lists. */
  readonly useFactory: (...injected: never[]) => Awaitable<StrongroomOptions<Data>>
}

/** The token of the application's sessions, for `inject` of a provider and `overrideProvider` of a test. */
export const SESSIONS: unique symbol = Symbol('SESSIONS of StrongroomModule.forRoot({ sessions })')

/** Injects the application's sessions: `constructor(@InjectSessions() private readonly sessions: Sessions<Data>) {}`. */
export const InjectSessions = (): PropertyDecorator & ParameterDecorator => Inject(SESSIONS)

const OPTIONS = Symbol('options of StrongroomModule')

interface Checked {
  readonly sessions: BaseSessions<object>
  readonly csrf: CsrfOptions | null
  readonly closeOnShutdown: boolean
}

/**
 * Gives each request of a Nest application its session, on Express and on Fastify. Import it once, in the root module; it is global. After
 * that, handlers take `@CurrentSession()`, and `await sessions.get(request)` works, too. Errors that no filter of the application catches
 * become responses with their status.
 */
export class StrongroomModule implements NestModule, OnApplicationShutdown {
  readonly #options: Checked | undefined
  readonly #sessions: BaseSessions<object>
  readonly #host: HttpAdapterHost
  readonly #moduleRef: ModuleRef

  constructor(
    options: Checked | undefined,
    sessions: BaseSessions<object> | undefined,
    host: HttpAdapterHost | undefined,
    moduleRef: ModuleRef | undefined,
  ) {
    if (!host || !moduleRef) throw new ConfigError(OTHER_COPY)
    if (!sessions) throw new ConfigError(WITHOUT_SESSIONS)
    // A test may have put others in their place.
    checkSessions(EXAMPLE, sessions)
    this.#options = options
    this.#sessions = sessions
    this.#host = host
    this.#moduleRef = moduleRef
  }

  /** Throws `ConfigError` for what is not sessions, and for a wrong option. */
  static forRoot<Data extends object>(options: StrongroomOptions<Data>): DynamicModule {
    return moduleWith({ provide: OPTIONS, useValue: check('StrongroomModule.forRoot()', options) })
  }

  /** The same with options that have to be made first, such as by a service for configuration. A wrong one ends the start. */
  static forRootAsync<Data extends object>(options: StrongroomAsyncOptions<Data>): DynamicModule {
    const where = 'StrongroomModule.forRootAsync()'
    checkOptions(where, options, ['imports', 'inject', 'useFactory'])
    const { imports = [], inject = [], useFactory } = options
    if (typeof useFactory !== 'function')
      throw new ConfigError(`Option "useFactory" of ${where} must be a function that returns { sessions }.`)
    const make = async (...injected: never[]) => check(`useFactory of ${where}`, await useFactory(...injected))
    return { imports, ...moduleWith({ provide: OPTIONS, inject, useFactory: make }) }
  }

  configure(): void {
    // Without options, this is a second import, beside the one by forRoot().
    if (!this.#options) return
    const { httpAdapter } = this.#host
    mount(httpAdapter, this.#sessions, this.#options.csrf)
    // The first of the list is asked last. A provider of APP_FILTER would be asked before those of the root module.
    configOf(this.#moduleRef).getGlobalFilters().unshift(new StrongroomFilter(httpAdapter))
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.#options?.closeOnShutdown) await this.#sessions.close()
  }
}

// As functions, because Node does not run decorators.
Module({})(StrongroomModule)
for (const [index, token] of [OPTIONS, SESSIONS, HttpAdapterHost, ModuleRef].entries()) {
  Inject(token)(StrongroomModule, undefined, index)
  // What is missing is then told by our own errors, which say what to do.
  Optional()(StrongroomModule, undefined, index)
}

const EXAMPLE = 'StrongroomModule.forRoot({ sessions })'

const OTHER_COPY =
  'strongroom/nest has found another copy of @nestjs/core than the one that the application runs on. Install one: `npm ls @nestjs/core` shows both.'

const WITHOUT_SESSIONS =
  'StrongroomModule was imported without its sessions. Write StrongroomModule.forRoot({ sessions }) in the imports of the root module.'

function check<Data extends object>(where: string, given: StrongroomOptions<Data>): Checked {
  checkOptions(where, given, ['sessions', 'csrf', 'closeOnShutdown'], { get: `Write ${EXAMPLE}.` })
  const { sessions, csrf = false, closeOnShutdown } = given
  checkSessions(EXAMPLE, sessions)
  const protection = csrf === true ? {} : csrf === false ? null : csrf
  if (csrf !== false) csrfPolicy(protection as CsrfOptions)
  return {
    sessions: sessions as unknown as BaseSessions<object>,
    csrf: protection,
    closeOnShutdown: booleanOption(`Option "closeOnShutdown" of ${where}`, closeOnShutdown, false),
  }
}

const moduleWith = (options: Provider): DynamicModule => ({
  module: StrongroomModule,
  global: true,
  providers: [options, { provide: SESSIONS, inject: [OPTIONS], useFactory: ({ sessions }: Checked) => sessions }],
  exports: [SESSIONS],
})

/** Nest has no public way to a filter that is asked after all others. */
const configOf = (moduleRef: ModuleRef) =>
  (moduleRef as unknown as { readonly container: { readonly applicationConfig: ApplicationConfig } }).container
    .applicationConfig
