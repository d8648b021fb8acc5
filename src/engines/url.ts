import { ConfigError } from '../errors.ts'
import type { OwnedStore, ScannableStore } from '../store.ts'
import { file } from './file.ts'
import { memory } from './memory.ts'
import { sqlite } from './sqlite.ts'

type Parameters = ReadonlyMap<string, string>

/** How each scheme of a store URL makes its store, from what stands before the "?" and what stands after it. */
const SCHEMES: Readonly<Record<string, (path: string, parameters: Parameters) => OwnedStore & ScannableStore>> = {
  memory: (path, parameters) => {
    if (path !== '') throw new ConfigError('memory: takes no path.')
    return memory({ max: toNumber(parameters, 'max'), maxBytes: toNumber(parameters, 'maxBytes') })
  },
  file: (path, parameters) => {
    return file({ dir: path, durable: toBoolean(parameters, 'durable'), timeout: toNumber(parameters, 'timeout') })
  },
  sqlite: (path, parameters) => {
    const synchronous = parameters.get('synchronous') as 'full' | 'normal' | undefined
    return sqlite({ path, synchronous, table: parameters.get('table'), timeout: toNumber(parameters, 'timeout') })
  },
}

const PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  memory: ['max', 'maxBytes'],
  file: ['durable', 'timeout'],
  sqlite: ['synchronous', 'table', 'timeout'],
}

const PARTS = /^([a-z][a-z0-9+.-]*):([^?]*)(?:\?(.*))?$/i

/**
 * The file or directory that a URL names, null for a store without one: a command that only looks asks first whether it is
 * there, for a store would make an empty one of a mistyped path.
 */
export function placeOf(url: string): string | null {
  const [, scheme = '', path = ''] = PARTS.exec(url) ?? []
  return ['file', 'sqlite'].includes(scheme) && path !== ':memory:' ? toPath(scheme, path) : null
}

/**
 * The store that a URL names: `memory:`, `file:./sessions`, `sqlite:./sessions.db`, `sqlite::memory:`, with options as in
 * `memory:?max=1000`, `file:/var/lib/app?durable=false`, `sqlite:./x.db?synchronous=normal&table=people`.
 *
 * Paths are as the shell has them, relative to the working directory, with `%20` and the like decoded; `file:///abs` is
 * `file:/abs`. Throws `ConfigError` for what is not known; a URL may hold a password, so that no message repeats it.
 */
export function storeFromUrl(url: string): OwnedStore & ScannableStore {
  const [, scheme = '', path = '', query = ''] = PARTS.exec(url) ?? []
  const make = Object.hasOwn(SCHEMES, scheme) ? SCHEMES[scheme] : undefined
  if (scheme === 'cookie') {
    throw new ConfigError('cookie: keeps sessions in the cookie itself: there is no store. Give it to createSessions.')
  }
  if (!make) {
    const known = [...Object.keys(SCHEMES), 'cookie'].map((name) => `${name}:`).join(', ')
    throw new ConfigError(
      `${scheme ? `Unknown store URL "${scheme}:".` : 'A store URL begins with a scheme.'} Known: ${known}.`,
    )
  }
  return make(toPath(scheme, path), toParameters(scheme, query))
}

function toPath(scheme: string, path: string): string {
  const rooted = path.startsWith('///') ? path.slice(2) : path
  if (rooted.startsWith('//')) {
    throw new ConfigError(
      `${scheme}: is on this machine: write ${scheme}:./relative or ${scheme}:/absolute, without a host.`,
    )
  }
  try {
    return decodeURIComponent(rooted)
  } catch (cause) {
    throw new ConfigError(`The path of the ${scheme}: URL has a "%" that begins no code: write it as %25.`, { cause })
  }
}

function toParameters(scheme: string, query: string): Parameters {
  const parameters = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(query)) {
    const known = PARAMETERS[scheme] ?? []
    if (!known.includes(name))
      throw new ConfigError(`Unknown option "${name}" in the ${scheme}: URL. Known: ${known.join(', ')}.`)
    if (parameters.has(name)) throw new ConfigError(`Option "${name}" stands twice in the ${scheme}: URL.`)
    parameters.set(name, value)
  }
  return parameters
}

function toNumber(parameters: Parameters, name: string): number | undefined {
  const value = parameters.get(name)
  if (value === undefined) return undefined
  if (/^\d+$/.test(value)) return Number(value)
  throw new ConfigError(`Option "${name}" in a store URL must be a whole number.`)
}

function toBoolean(parameters: Parameters, name: string): boolean | undefined {
  const value = parameters.get(name)
  if (value === undefined) return undefined
  if (value === 'true' || value === 'false') return value === 'true'
  throw new ConfigError(`Option "${name}" in a store URL must be true or false.`)
}
