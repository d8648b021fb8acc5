import {
  type DjangoMoveReport,
  type DjangoUrl,
  djangoFromUrl,
  isDjangoUrl,
  moveFromDjango,
  openForReading,
  SessionTable,
} from '@strongroom/django/internal'
import { createSessions, type Id, type ScanOptions } from 'strongroom'
import { type AnySessions, checkShared, noteNamespace, secretsFrom, withSessions } from '../config.ts'
import { noteZone } from '../django-store.ts'
import { EXIT, Failure, misuse } from '../failure.ts'
import { Failures, NO_USE } from '../failures.ts'
import { duration, number, sessionCount } from '../format.ts'
import { isInteractive, json, line } from '../output.ts'
import { checkPath } from '../paths.ts'
import { lines, silent } from '../progress.ts'
import { confirm } from '../prompts.ts'
import { stopOnSignal } from '../signals.ts'

export interface DjangoOptions {
  readonly from: string
  readonly to?: string
  readonly page?: number
  readonly dryRun?: true
  readonly delete?: true
  readonly users?: string
  readonly config?: string
  readonly env?: string
  readonly namespace?: string
  readonly yes?: true
  readonly json?: true
}

/** Adopts all sessions of a Django, under the tokens that `adoptFrom: django(…)` looks for. */
export async function moveDjango(options: DjangoOptions): Promise<void> {
  // Both before a config is loaded, which changes the working directory.
  const urls = { sessions: existing(options.from), users: existing(options.users ?? options.from) }
  const { namespace } = options
  if (options.to === undefined && namespace !== undefined)
    throw misuse('--namespace is for --to: a config has the namespace of its application.')
  if (options.to === undefined) return withSessions(options, ['store', 'keys'], (to) => run(urls, to, options))
  if (options.config !== undefined) throw misuse('--config says where sessions are moved to; leave out --to.')
  if (isDjangoUrl(options.to)) throw misuse('--to must be a store of Strongroom, not of Django.')
  const secrets = secretsFrom(options.env)
  const to = createSessions({ store: options.to, secrets, namespace, sweep: false }) as AnySessions
  try {
    await run(urls, to, options)
  } finally {
    await to.close()
  }
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
  checkShared(to.policy.traits)
  if (typeof to.adopt !== 'function')
    throw misuse('The config imports an older strongroom, which cannot do this: update it.')
  const secretKey = process.env.DJANGO_SECRET_KEY
  if (!secretKey) throw misuse("Set DJANGO_SECRET_KEY, in the environment or in .env, to Django's SECRET_KEY.")
  if (options.delete && !options.dryRun && !options.yes && isInteractive())
    await confirm('Does every node have adoptFrom: django(…), and is Django stopped? Its sessions will be deleted.')
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
  if (options.to !== undefined && options.namespace === undefined) noteNamespace(to)
  noteZone(urls.sessions)
  const signal = AbortSignal.any([stopOnSignal(), stop.signal])
  const startedAt = performance.now()
  try {
    const report = await moveFromDjango({
      ...{ from: watched(store as never, failures), reader, page: options.page, signal },
      ...{ dryRun: options.dryRun, end: options.delete },
      to: { adopt: (session) => failures.watch('The session could not be stored', () => to.adopt(session)) },
      onProgress: (options.json ? silent : lines('Looked at')).progress,
    }).catch((error: unknown) => {
      if (failures.permanent === null) throw error
      // Only its cause, because its message is in what was remembered.
      throw permanentFailure(failures.permanent, (error as Error).cause)
    })
    print(report, options, {
      from: store.traits.engine,
      to: to.policy.engine,
      dryRun: options.dryRun === true,
      milliseconds: Math.round(performance.now() - startedAt),
      permanent: failures.permanent,
    })
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

interface Facts {
  readonly from: string
  readonly to: string
  readonly dryRun: boolean
  readonly milliseconds: number
  /** What failed for a reason that will not pass by itself. */
  readonly permanent: string | null
}

const permanentFailure = (reason: string, cause?: unknown) =>
  new Failure(EXIT.failed, `${reason.replace(/\.$/, '')}. ${NO_USE}`, {
    cause,
  })

type Source = Parameters<typeof moveFromDjango>[0]['from']

const watched = (store: Source, failures: Failures): Source =>
  Object.assign(Object.create(store) as Source, {
    read: (id: Id) => failures.watch("Django's session could not be read", () => store.read(id)),
    delete: (id: Id) => failures.watch("Django's session could not be deleted", () => store.delete(id)),
    keys: (options: ScanOptions) => watchedKeys(store.keys(options), failures),
  })

async function* watchedKeys(pages: ReturnType<Source['keys']>, failures: Failures) {
  const iterator = pages[Symbol.asyncIterator]()
  for (;;) {
    const page = await failures.watch("Django's sessions could not be listed", () => iterator.next())
    if (page.done) return
    yield page.value
  }
}

function print(report: DjangoMoveReport, options: DjangoOptions, facts: Facts): void {
  const { from, to, dryRun, milliseconds } = facts
  if (options.json) json({ from, to, dryRun, deleted: options.delete === true && !dryRun, ...report, milliseconds })
  else for (const text of sentences(report, facts)) line(text)
  const { permanent } = facts
  if (!report.complete && permanent !== null) throw permanentFailure(permanent)
  if (!report.complete) throw new Failure(EXIT.interrupted, 'Interrupted. Run it again to continue.')
  const reasons = reasonsFor(report, permanent)
  const { firstError } = report
  if (reasons.length > 0)
    throw new Failure(EXIT.failed, `Not moved: ${reasons.join(', ')}.${causeOf(permanent, firstError)}`)
}

function* sentences(report: DjangoMoveReport, { from, to, dryRun, milliseconds }: Facts): Generator<string> {
  const { moved, compared, existing, gone, signedOut, unreadable, malformed, tooLarge, failed, complete } = report
  if (dryRun) yield `${sessionCount(moved)} would be moved from ${from} to ${to}. Nothing was changed.`
  else
    yield `Moved ${sessionCount(moved)} from ${from} to ${to}${duration(moved, milliseconds)}${complete ? '.' : ' so far.'}`
  if (moved > 0 && !dryRun) yield `Compared, and identical: ${sessionCount(compared)}${usedSince(moved - compared)}.`
  if (existing > 0) yield `Already in ${to}: ${sessionCount(existing)}.`
  if (signedOut > 0)
    yield `Ended when the password changed, the user was removed, or all of the user's sessions were ended: ${sessionCount(signedOut)}.`
  if (gone > 0) yield `Ended or expired before they were moved: ${sessionCount(gone)}.`
  const seen = moved + existing + gone + signedOut + unreadable + malformed + tooLarge + failed
  if (seen === 0 && complete && NOTHING_THERE[from]) yield NOTHING_THERE[from]
}

/** Of a wrong prefix or number of a database, Redis only says that no key matches. */
const NOTHING_THERE: Readonly<Record<string, string>> = {
  'django (cache)':
    "No key there is that of a session: compare the number of the database, ?keyPrefix= and ?version= with Django's CACHES.",
  'django (redis)':
    "No key there is that of a session: compare the number of the database and ?prefix= with Django's SESSION_REDIS.",
}

const usedSince = (count: number) => (count > 0 ? ` (${number(count)} more were used again before that)` : '')

function causeOf(permanent: string | null, firstError: string | null): string {
  if (permanent !== null) return ` ${permanent}. ${NO_USE}`
  return firstError === null ? '' : ` ${firstError}`
}

function reasonsFor({ unreadable, malformed, tooLarge, failed }: DjangoMoveReport, permanent: string | null): string[] {
  const reasons = [
    unreadable > 0 && `${sessionCount(unreadable)} not signed with DJANGO_SECRET_KEY or its fallbacks`,
    malformed > 0 && `${sessionCount(malformed)} with malformed data`,
    tooLarge > 0 && `${sessionCount(tooLarge)} too large`,
    failed > 0 &&
      `${sessionCount(failed)} for which a store did not respond${permanent === null ? ' (run it again)' : ''}`,
  ]
  return reasons.filter((reason) => reason !== false)
}
