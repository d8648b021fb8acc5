import { isInstalled } from '../drivers.ts'

/** A store to choose from. */
interface StoreChoice {
  readonly label: string
  readonly hint: string
  readonly url: string
  /** Is the URL only a suggestion, for the user to complete? */
  readonly asksUrl: boolean
}

const local = (label: string, url: string, hint: string): StoreChoice => ({ label, hint, url, asksUrl: false })
const server = (label: string, url: string, hint: string): StoreChoice => ({ label, hint, url, asksUrl: true })

export const DEFAULT_STORE = 'sqlite:./sessions.db'

export const STORES: readonly StoreChoice[] = [
  local('SQLite', DEFAULT_STORE, 'one file, durable, for any number of processes on one machine'),
  server('PostgreSQL', 'postgres://localhost/app', 'durable, for any number of machines'),
  server('MySQL or MariaDB', 'mysql://localhost/app', 'durable, for any number of machines'),
  server(
    'Redis or Valkey',
    'redis://localhost:6379',
    'fast, for any number of machines; as durable as its append-only file',
  ),
  server('memcached', 'memcached://localhost:11211', 'fast; loses sessions when it restarts or runs out of memory'),
  local('Files', 'file:./sessions', 'one file for each session'),
  local('Cookies', 'cookie:', 'nothing on the server; a logout is not final'),
  server('Another', '', 'enter its URL'),
]

/** Which packages can connect to a server, the preferred one first. Matched against the beginning of its URL. */
const DRIVERS: readonly (readonly [scheme: RegExp, packages: readonly string[]])[] = [
  [/^postgres(?:ql)?:/, ['pg']],
  [/^(?:mysql|mariadb):/, ['mysql2']],
  [/^(?:redis|valkey)s?:/, ['ioredis', 'redis']],
  [/^(?:redis|valkey)s?\+\w+:/, ['ioredis']],
]

/** The packages that the application needs for this store and does not have yet. */
export function missingPackages(store: string): string[] {
  const needed = urlsIn(store).flatMap((url) => DRIVERS.filter(([scheme]) => scheme.test(url)))
  const missing = needed.filter(([, packages]) => !packages.some(isInstalled)).map(([, [preferred = '']]) => preferred)
  return [...new Set([...(isInstalled('strongroom') ? [] : ['strongroom']), ...missing])]
}

export const needsTables = (store: string) =>
  urlsIn(store).some((url) => /^(?:postgres(?:ql)?|mysql|mariadb):/.test(url))

/** The URL, and those of the stores that it is made of, as in cached:?durable=…&cache=… */
const urlsIn = (store: string) => [store, ...new URLSearchParams(store.split('?').slice(1).join('?')).values()]
