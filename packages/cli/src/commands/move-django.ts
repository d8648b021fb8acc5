import { type DjangoUrl, djangoFromUrl, djangoSource, openForReading, SessionTable } from '@strongroom/django/internal'
import type { AnySessions } from '../config.ts'
import { noteZone } from '../django-store.ts'
import { misuse } from '../failure.ts'
import { Failures } from '../failures.ts'
import { checkPath } from '../paths.ts'
import { checkTarget, confirmDelete, moveAdopted, type SourceOptions, withTarget } from './move-source.ts'

export interface DjangoOptions extends SourceOptions {
  readonly users?: string
}

/** Adopts all sessions of a Django, under the tokens that `adoptFrom: django(…)` looks for. */
export async function moveDjango(options: DjangoOptions): Promise<void> {
  // Both before a config is loaded, which changes the working directory.
  const urls = { sessions: existing(options.from), users: existing(options.users ?? options.from) }
  await withTarget(options, (to) => run(urls, to, options))
}

interface DjangoUrls {
  readonly sessions: DjangoUrl
  readonly users: DjangoUrl
}

function existing(url: string): DjangoUrl {
  const parsed = djangoFromUrl(url)
  checkPath(parsed.path)
  return parsed
}

async function run(urls: DjangoUrls, to: AnySessions, options: DjangoOptions): Promise<void> {
  checkTarget(to)
  const secretKey = process.env.DJANGO_SECRET_KEY
  if (!secretKey) throw misuse("Set DJANGO_SECRET_KEY, in the environment or in .env, to Django's SECRET_KEY.")
  await confirmDelete(
    options,
    'Does every node have adoptFrom: django(…), and is Django stopped? Its sessions will be deleted.',
  )
  const stop = new AbortController()
  const failures = new Failures()
  const users = openUsers(urls.users)
  const password = (id: string) =>
    // It would be the same for every other user.
    failures.watch(
      "Django's users could not be read",
      async () => users.password(id),
      () => stop.abort(),
    )
  const secretKeyFallbacks = (process.env.DJANGO_SECRET_KEY_FALLBACKS ?? '').split(/\s+/).filter(Boolean)
  const { engine, settings } = urls.sessions
  const { store, reader } = openForReading('move', engine, {
    ...{ ...settings, secretKey, secretKeyFallbacks, clock: Date.now, password },
  })
  noteZone(urls.sessions)
  const from = store.traits.engine
  const words = {
    ...{ from, whose: "Django's", nothingThere: NOTHING_THERE[from] },
    unreadable: 'not signed with DJANGO_SECRET_KEY or its fallbacks',
  }
  try {
    const source = djangoSource(store as never, reader)
    await moveAdopted({ source, to, options, failures, signal: stop.signal, words })
  } finally {
    await Promise.all([store.close(), users.close()])
  }
}

/** Django does not delete sessions when a password changes. Without the users, these sessions would come back to life. */
function openUsers({ database, users }: DjangoUrl) {
  const store = database?.open({ clock: Date.now, cookieName: '', endOf: () => 0 })
  if (!(store instanceof SessionTable))
    throw misuse(
      "A session must not be moved if its user has changed the password since: say where Django's users are, with --users django+postgres://… or the like.",
    )
  return { password: (id: string) => store.password(id, users), close: () => store.close() }
}

/** Of a wrong prefix or number of a database, Redis only says that no key matches. */
const NOTHING_THERE: Readonly<Record<string, string>> = {
  'django (cache)':
    "No key there is that of a session: compare the number of the database, ?keyPrefix= and ?version= with Django's CACHES.",
  'django (redis)':
    "No key there is that of a session: compare the number of the database and ?prefix= with Django's SESSION_REDIS.",
}
