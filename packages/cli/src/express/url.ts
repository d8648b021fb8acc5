import { resolve } from 'node:path'
import { ConfigError } from 'strongroom'
import {
  type ExpressReader,
  expressReader,
  localPath,
  milliseconds,
  strictQuery,
  takeQuery,
  trimUrl,
} from 'strongroom/internal'
import { fileStorage } from './files.ts'
import { mysqlStorage } from './mysql.ts'
import { postgresStorage } from './postgres.ts'
import { redisStorage } from './redis.ts'
import type { ExpressStorage } from './storage.ts'

/** What an `express+…:` URL names. */
export interface ExpressUrl {
  /** The directory that must exist. Null for a server. */
  readonly path: string | null
  readonly reader: ExpressReader
  open(): ExpressStorage
}

const KNOWN =
  'express+redis: (connect-redis), express+postgres: (connect-pg-simple), express+mysql: and express+mariadb: (express-mysql-session), express+file: (session-file-store)'
/** Options of expressSession(). */
const OWN = ['lifetime', 'rolling'] as const

export const isExpressUrl = (url: string) => /^\s*express\+/i.test(url)

/**
 * Parses `express+redis://host:6379/0?prefix=sess:`, `express+postgres://host/database?table=session`,
 * `express+mysql://host/database?table=sessions` and `express+file:./sessions?extension=.json`, with `?lifetime=` and `?rolling=true`
 * as `expressSession()` takes them. Throws `ConfigError`, which never repeats the URL.
 */
export function expressFromUrl(given: string): ExpressUrl {
  const url = trimUrl('the store', given).slice('express+'.length)
  const scheme = url.slice(0, Math.max(0, url.indexOf(':')))
  const where = `express+${scheme}:`
  if (scheme === 'file') return fromFile(url, where)
  const make = Object.hasOwn(SERVERS, scheme) ? SERVERS[scheme] : undefined
  if (!make && !/^(?:redis|valkey)s?(?:\+(?:sentinel|cluster))?$/.test(scheme))
    throw new ConfigError(`Unknown store URL. Known: ${KNOWN}.`)
  const { own, url: rest } = takeQuery(where, url, [...OWN, make ? 'table' : 'prefix'])
  const open = make ? () => make(rest, own.string('table')) : () => redisStorage(rest, own.string('prefix'))
  const reader = expressReader({ lifetime: own.string('lifetime'), rolling: own.boolean('rolling') })
  return { path: null, reader, open }
}

const SERVERS: Readonly<Record<string, typeof postgresStorage>> = {
  ...{ postgres: postgresStorage, postgresql: postgresStorage, mysql: mysqlStorage, mariadb: mysqlStorage },
}

function fromFile(url: string, where: string): ExpressUrl {
  const [, given = '', query = ''] = /^file:([^?]*)(?:\?(.*))?$/.exec(url) ?? []
  const path = localPath(where.slice(0, -1), given)
  if (path === '') throw new ConfigError(`A ${where} URL needs a path: ${where}./relative or ${where}/absolute.`)
  const own = strictQuery(where, query, [...OWN, 'extension'])
  const lifetime = own.string('lifetime') ?? '1h'
  const reader = expressReader({ lifetime, rolling: own.boolean('rolling') })
  const folder = resolve(path)
  const open = () => fileStorage(folder, own.string('extension'), milliseconds(lifetime, 'lifetime'))
  return { path: folder, reader, open }
}
