import { insteadOf, oneOf } from '../base/check.ts'
import type { SealName } from '../crypto/seal.ts'
import { ConfigError } from '../errors.ts'
import { cookieTransport } from '../http/cookie.ts'
import { tokenNamespace } from '../http/transport.ts'
import { isInProcessMemory, type Traits } from '../store.ts'
import type { BackingEngine } from './backing.ts'
import { type CreateStored, type Engine, IN_COOKIES, isCookie, namespaceOption } from './create.ts'
import { serverBacking } from './server.ts'

const withoutList = ({ engine }: Traits) => `the store ${engine} cannot list what is in it.`

const WITH_LISTS = ' Use memory, file, sqlite, postgres, mysql or redis, or cached over one of them.'

/** The backing of an engine whose sessions are not in their cookies. Throws `ConfigError` for an option that it does not have. */
export const createStored: CreateStored = (engine, options, common) => {
  const { aead } = common
  if (isBacking(engine)) {
    for (const name of ['seal', 'cipher', 'maxSize', 'cookie', 'transport', 'namespace'] as const)
      if (options[name] !== undefined)
        throw new ConfigError(`${name} is not an option with ${engine.traits.engine}, which has its own format.`)
    const { transport, swept } = engine
    const advice = swept ? withoutList(engine.traits) : IN_COOKIES
    const format = { transport, namespace: null, aead, sealName: 'none' }
    return { backing: engine.backing(common), ...format, store: swept, swept, advice }
  }
  const standard: SealName = isInProcessMemory(engine.traits) ? 'none' : 'two-key'
  const seal = oneOf('seal', options.seal ?? standard, ['two-key', 'server-key', 'none'])
  const transport = common.transport ?? cookieTransport(options.cookie, common.production)
  const namespace = namespaceOption(options, transport.name)
  const maxSize = sizeOption(options.maxSize)
  const bound = { namespace, tokenNamespace: tokenNamespace(namespace, transport) }
  const backing = serverBacking({ ...common, ...bound, store: engine, seal, maxSize })
  const advice = withoutList(engine.traits) + WITH_LISTS
  return { backing, transport, namespace, aead, sealName: seal, store: engine, swept: engine, advice }
}

const isBacking = (engine: Engine): engine is BackingEngine => 'kind' in engine && engine.kind === 'backing'

function sizeOption(given: number | undefined): number {
  if (given === undefined) return 65_536
  if (Number.isSafeInteger(given) && given >= 256) return given
  throw new ConfigError('maxSize must be a whole number of bytes, at least 256.')
}

const METHODS = ['create', 'read', 'update', 'touch', 'delete', 'clearExpired', 'close'] as const

/** Throws `ConfigError` unless this is an engine. */
export function checkEngine(given: Engine): Engine {
  if (typeof given !== 'object' || given === null || typeof given.traits !== 'object')
    throw new ConfigError(
      `store must be a store such as sqlite('./sessions.db'), cookie(), or a URL such as 'sqlite:./sessions.db'.${insteadOf(given) || insteadOfStore(given)}`,
    )
  const missing =
    isCookie(given) || isBacking(given) ? [] : METHODS.filter((method) => typeof given[method] !== 'function')
  if (missing.length > 0)
    throw new ConfigError(`store is not a store: it has no ${missing.map((method) => `${method}()`).join(', ')}.`)
  if (!isCookie(given) && !isBacking(given)) checkTraits(given.traits)
  return given
}

/** By the methods of what people have at hand. The module of each engine takes the client that goes with it. */
function insteadOfStore(given: unknown): string {
  const has = (...names: string[]) => names.every((name) => typeof (given as Anything | null)?.[name] === 'function')
  if (has('open', 'attach', 'read')) return ' It got sessions, which have a store of their own.'
  if (has('prepare', 'exec')) return ' It got a database: pass sqlite({ database }).'
  if (has('getBuffer') || has('evalSha')) return ' It got a client of Redis: pass redis({ client }).'
  if (has('getConnection') || has('execute')) return ' It got a client of MySQL: pass mysql({ client }).'
  if (has('query', 'connect')) return ' It got a client of PostgreSQL: pass postgres({ client }).'
  // A client of node-redis has the three, too.
  if (has('get', 'set', 'destroy')) return ' It got a store of express-session: docs/coming-from.md names our engines.'
  return ''
}

/** Of a store of one's own: without a limit, for example, each write would fail, and say NaN. */
function checkTraits(traits: Traits): void {
  for (const [name, isFine] of Object.entries(TRAITS)) {
    const value: unknown = traits[name as keyof Traits]
    if (!isFine(value))
      throw new ConfigError(`store is not a store: its traits.${name} ${WANTED[name as keyof Traits]}.`)
  }
}

const isBoolean = (value: unknown) => typeof value === 'boolean'
const isPositive = (value: unknown) => typeof value === 'number' && value > 0

const TRAITS: Readonly<Record<keyof Traits, (value: unknown) => boolean>> = {
  engine: (value) => typeof value === 'string' && value !== '',
  durable: (value) => ['no', 'process', 'machine'].includes(value as string),
  shared: (value) => ['process', 'machine', 'network'].includes(value as string),
  expiresByItself: isBoolean,
  granularity: isPositive,
  sizeLimit: (value) => value === null || isPositive(value),
  evicts: isBoolean,
  revocable: isBoolean,
}

const TRUE_OR_FALSE = 'must be true or false'

const WANTED: Readonly<Record<keyof Traits, string>> = {
  engine: 'must be its name',
  durable: 'must be "no", "process" or "machine"',
  shared: 'must be "process", "machine" or "network"',
  expiresByItself: TRUE_OR_FALSE,
  granularity: 'must be a number of ms',
  sizeLimit: 'must be a number of bytes, or null for no limit',
  evicts: TRUE_OR_FALSE,
  revocable: TRUE_OR_FALSE,
}

type Anything = Readonly<Record<string, unknown>>
