import { existsSync } from 'node:fs'
import {
  type DjangoMoveReport,
  type DjangoPlace,
  djangoFromUrl,
  isDjangoUrl,
  moveFromDjango,
  opened,
  Rows,
} from '@strongroom/django/internal'
import { createSessions } from 'strongroom'
import { type AnySessions, loadEnv, withSessions } from '../config.ts'
import { EXIT, Failure, misuse } from '../failure.ts'
import { halting } from '../halt.ts'
import { isInteractive, json, line } from '../output.ts'
import { lines, silent } from '../progress.ts'
import { agreed } from '../prompts.ts'
import { number, took, sessions as words } from '../words.ts'

export interface DjangoOptions {
  readonly from: string
  readonly to?: string
  readonly page?: number
  readonly dryRun?: true
  readonly delete?: true
  readonly users?: string
  readonly config?: string
  readonly env?: string
  readonly yes?: true
  readonly json?: true
}

/** Takes over what a Django has, under the tokens that `formerly: django(…)` looks for. */
export async function moveDjango(options: DjangoOptions): Promise<void> {
  // Both before a config is loaded, for that changes the working directory.
  const places = { from: placeOf(options.from), users: placeOf(options.users ?? options.from) }
  if (options.to === undefined) return withSessions(options, 'keys', (sessions) => run(places, sessions, options))
  if (options.config !== undefined) throw misuse('--config says where sessions go; leave --to out.')
  if (isDjangoUrl(options.to)) throw misuse('--to is a store of this library, and not Django.')
  loadEnv(process.cwd(), options.env)
  const secrets = process.env.STRONGROOM_SECRETS
  if (!secrets)
    throw misuse('Sessions are sealed as they are moved: set STRONGROOM_SECRETS, put it into .env, or use a config.')
  const sessions = createSessions({ store: options.to, secrets, sweep: false }) as AnySessions
  try {
    await run(places, sessions, options)
  } finally {
    await sessions.close()
  }
}

interface Places {
  readonly from: DjangoPlace
  readonly users: DjangoPlace
}

function placeOf(url: string): DjangoPlace {
  const place = djangoFromUrl(url)
  if (place.path !== null && !existsSync(place.path)) throw misuse(`There is no ${place.path}; nothing was made.`)
  return place
}

async function run({ from, users: beside }: Places, sessions: AnySessions, options: DjangoOptions): Promise<void> {
  if (sessions.policy.traits.shared === 'process')
    throw misuse(`The store ${sessions.policy.engine} is this process's own: nothing can be moved into it from here.`)
  if (typeof sessions.adopt !== 'function')
    throw misuse('The config has an older copy of strongroom, which cannot do this.')
  const secretKey = process.env.DJANGO_SECRET_KEY
  if (!secretKey) throw misuse("Set DJANGO_SECRET_KEY, in the environment or in .env, to Django's SECRET_KEY.")
  if (options.delete && !options.dryRun && !options.yes && isInteractive())
    await agreed('Does every node have formerly: django(…), and is Django stopped? Its sessions are deleted.')
  const users = openUsers(beside)
  const secretKeyFallbacks = (process.env.DJANGO_SECRET_KEY_FALLBACKS ?? '').split(/\s+/).filter(Boolean)
  const { store, reader } = opened('move', from.engine, {
    ...{ ...from.settings, secretKey, secretKeyFallbacks, clock: Date.now, password: users.password },
  })
  const stop = halting()
  const startedAt = performance.now()
  try {
    const report = await moveFromDjango({
      ...{ from: store as never, reader, to: sessions, page: options.page, signal: stop.signal },
      ...{ dryRun: options.dryRun, end: options.delete },
      onProgress: (options.json ? silent : lines('Looked at')).progress,
    })
    tell(report, {
      options,
      milliseconds: Math.round(performance.now() - startedAt),
      store: store.traits.engine,
      sessions,
    })
  } finally {
    await Promise.all([store.close(), users.close()])
  }
}

/** Sessions that a change of the password has ended lie there still: without the users they would come back to life. */
function openUsers({ engine, users }: DjangoPlace) {
  const store = engine.open({ clock: Date.now, cookieName: '', endOf: () => 0 })
  if (!(store instanceof Rows))
    throw misuse(
      "A session whose user has changed the password since must not be moved: say where Django's users are, with --users django+postgres://… or the like.",
    )
  return { password: (id: string) => store.password(id, users), close: () => store.close() }
}

interface Facts {
  readonly options: DjangoOptions
  readonly milliseconds: number
  readonly store: string
  readonly sessions: AnySessions
}

function tell(report: DjangoMoveReport, { options, milliseconds, store: from, sessions }: Facts): void {
  const { dryRun = false } = options
  const to = sessions.policy.engine
  if (options.json) json({ from, to, dryRun, deleted: options.delete === true && !dryRun, ...report, milliseconds })
  else for (const text of story(report, { from, to, dryRun, milliseconds })) line(text)
  if (!report.complete) throw new Failure(EXIT.interrupted, 'Interrupted. Run it again to go on.')
  const left = reasonsFor(report)
  const { trouble } = report
  if (left.length > 0) throw new Failure(EXIT.failed, `Not moved: ${left.join(', ')}.${trouble ? ` ${trouble}` : ''}`)
}

function* story(
  { moved, compared, there, gone, signedOut, complete }: DjangoMoveReport,
  { from, to, dryRun, milliseconds }: { from: string; to: string; dryRun: boolean; milliseconds: number },
): Generator<string> {
  if (dryRun) yield `${words(moved)} would be moved from ${from} to ${to}. Nothing was changed.`
  else yield `Moved ${words(moved)} from ${from} to ${to}${took(moved, milliseconds)}${complete ? '.' : ' so far.'}`
  if (moved > 0 && !dryRun)
    yield `Compared, and found the same: ${words(compared)}${compared < moved ? ` (${number(moved - compared)} more had been used again before that)` : ''}.`
  if (there > 0) yield `${words(there)} ${dryRun ? 'are' : 'were'} in ${to} already.`
  if (signedOut > 0) yield `${words(signedOut)} ended with a change of the password, or with the user.`
  if (gone > 0) yield `${words(gone)} ended or expired before their turn came.`
}

function reasonsFor({ unreadable, tooLarge, failed }: DjangoMoveReport): string[] {
  const reasons = [
    unreadable > 0 && `${words(unreadable)} not signed with DJANGO_SECRET_KEY or its fallbacks`,
    tooLarge > 0 && `${words(tooLarge)} too large`,
    failed > 0 && `${words(failed)} for which a store did not answer (run it again)`,
  ]
  return reasons.filter((reason) => reason !== false)
}
