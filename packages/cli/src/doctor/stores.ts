import type { CookieEngine, Store } from 'strongroom'
import { type Backend, backendOf } from 'strongroom/internal'
import { messageOf } from '../failure.ts'
import { type Check, Topic } from './check.ts'
import { type Examined, endOf } from './examine.ts'
import { examineFiles } from './file.ts'
import { examineMemcached } from './memcached.ts'
import { examineMysql } from './mysql.ts'
import { examinePostgres } from './postgres.ts'
import { examineRedis } from './redis.ts'
import { examineSqlite } from './sqlite.ts'

interface ExaminedEngine extends Examined {
  readonly isCache: boolean
  readonly isProduction: boolean
}

/** A store, and those that it is made of. Each that does not answer is a red check, and the others are looked at. */
export async function examineEngine(engine: Store | CookieEngine, examined: ExaminedEngine): Promise<readonly Check[]> {
  if ('kind' in engine) return examineCookieEngine(engine, examined)
  const { about } = examined
  const topic = new Topic(about, 'every-store')
  const backend = backendOf(engine)
  if (backend === null) return [inMemory(topic, engine, examined)]
  if (backend.engine === 'cached') {
    const parts = [
      examineEngine(backend.durable, examined),
      examineEngine(backend.cache, { ...examined, about: 'cache', isCache: true, every: undefined }),
    ]
    return (await Promise.all(parts)).flat()
  }
  if (backend.engine === 'moving') {
    const parts = [
      examineEngine(backend.to, examined),
      examineEngine(backend.from, { ...examined, about: `${about} that is left`, every: undefined }),
    ]
    return (await Promise.all(parts)).flat()
  }
  const name = 'store-answers'
  try {
    const checks = await examineBackend(backend, examined)
    if (backend.engine === 'file' || backend.engine === 'sqlite') return checks
    return [topic.green(name, `The server of the store (${backend.engine}) answers.`), ...checks]
  } catch (error) {
    return [
      topic.red(
        name,
        `The store (${backend.engine}) did not answer, so nothing else is known about it: ${endOf(messageOf(error))}`,
        'Check that the server runs, and the host, port, user and password in the URL of the store.',
      ),
    ]
  }
}

function examineBackend(
  backend: Exclude<Backend, { readonly engine: 'cached' | 'moving' }>,
  examined: ExaminedEngine,
): Promise<readonly Check[]> {
  switch (backend.engine) {
    case 'postgres':
      return examinePostgres(backend, examined)
    case 'mysql':
      return examineMysql(backend, examined)
    case 'redis':
      return examineRedis(backend, examined)
    case 'memcached':
      return examineMemcached(backend, examined)
    case 'file':
      return examineFiles(backend, examined)
    case 'sqlite':
      return examineSqlite(backend, examined)
  }
}

function inMemory(topic: Topic, { traits }: Store, { isCache, isProduction }: ExaminedEngine): Check {
  if (traits.engine !== 'memory')
    return topic.unknown(
      'store-known',
      `The store ${traits.engine} is none of this library's, so its settings cannot be looked at.`,
    )
  if (isCache) return topic.green('memory', 'Copies are in the memory of the process.')
  return topic[isProduction ? 'red' : 'amber'](
    'memory',
    'Sessions are in the memory of one process: a restart signs everybody out, and a second server does not see them.',
    "store: 'sqlite:./sessions.db' for one server; postgres, mysql or redis for several.",
  )
}

async function examineCookieEngine(engine: CookieEngine, examined: ExaminedEngine): Promise<readonly Check[]> {
  const topic = new Topic(examined.about, 'sessions-in-cookies')
  const { protection, revocations } = engine
  const seal =
    protection === 'sealed'
      ? topic.green('cookie-protection', 'Sessions in cookies are sealed.')
      : topic.amber(
          'cookie-protection',
          'Sessions in cookies are signed only: anyone who reads the computer of a visitor reads them.',
          "Leave out cookie({ protection: 'signed' }).",
        )
  if (revocations)
    return [
      seal,
      topic.green('cookie-revocations', 'A store refuses the cookies of sessions that were ended.'),
      ...(await examineEngine(revocations, { ...examined, about: 'revocations' })),
    ]
  return [
    seal,
    topic.amber(
      'cookie-revocations',
      'Nothing refuses the copied cookie of a session that was ended: it works until its deadline.',
      "store: cookie({ revocations: sqlite('./revocations.db') }), or sessions in a store.",
    ),
  ]
}
