import { createSessions } from 'strongroom'
import { moveSource, type SourceMove, type SourceMoveReport } from 'strongroom/internal'
import { type AnySessions, checkShared, noteNamespace, secretsFrom, withSessions } from '../config.ts'
import { EXIT, Failure, misuse } from '../failure.ts'
import { type Failures, NO_USE } from '../failures.ts'
import { duration, number, sessionCount } from '../format.ts'
import { isInteractive, json, line } from '../output.ts'
import { lines, silent } from '../progress.ts'
import { confirm } from '../prompts.ts'
import { stopOnSignal } from '../signals.ts'

/** The options of `strongroom move` for the sessions of another framework. */
export interface SourceOptions {
  readonly from: string
  readonly to?: string
  readonly page?: number
  readonly dryRun?: true
  readonly delete?: true
  readonly config?: string
  readonly env?: string
  readonly namespace?: string
  readonly yes?: true
  readonly json?: true
}

/** Where sessions go: the store of the config, or --to. */
export async function withTarget(options: SourceOptions, work: (to: AnySessions) => Promise<void>): Promise<void> {
  const { to: url, namespace } = options
  if (url === undefined && namespace !== undefined)
    throw misuse('--namespace is for --to: a config has the namespace of its application.')
  if (url === undefined) return withSessions(options, ['store', 'keys'], work)
  if (options.config !== undefined) throw misuse('--config says where sessions are moved to; leave out --to.')
  if (/^\s*(?:django|express)\+/i.test(url))
    throw misuse('--to must be a store of Strongroom, not of Django or express-session.')
  const secrets = secretsFrom(options.env)
  // Moved to a namespace that is not the application's, sessions are found by nobody, and with --delete they are nowhere else.
  if (options.delete && namespace === undefined) throw misuse(DELETE_WITHOUT_NAMESPACE)
  const to = createSessions({ store: url, secrets, namespace, sweep: false }) as AnySessions
  try {
    await work(to)
  } finally {
    await to.close()
  }
}

const DELETE_WITHOUT_NAMESPACE =
  "--delete with --to needs --namespace: an application with another namespace would not find its sessions, and they would be gone. Name the application's option namespace, or the name of its cookie: by default that is __Host-id with createSessions(), and connect.sid with strongroom/express-session. Or leave out --to, and use the config of the application."

export function checkTarget(to: AnySessions): void {
  checkShared(to.policy.traits)
  if (typeof to.adopt !== 'function')
    throw misuse('The config imports an older strongroom, which cannot do this: update it.')
}

/** Asks on a terminal, before anything is deleted. */
export async function confirmDelete(options: SourceOptions, question: string): Promise<void> {
  if (options.delete && !options.dryRun && !options.yes && isInteractive()) await confirm(question)
}

export interface Movement {
  readonly source: SourceMove['source']
  readonly to: AnySessions
  readonly options: SourceOptions
  readonly failures: Failures
  readonly signal?: AbortSignal
  readonly words: Words
}

/** What the report says in the terms of the framework. */
export interface Words {
  /** Where the sessions come from. */
  readonly from: string
  /** Whose they are: "Django's". */
  readonly whose: string
  /** Why some could not be read. */
  readonly unreadable: string
  /** Which other namespace applications that come from there have, as a sentence. */
  readonly namespace?: string
  /** What to compare if nothing was found. */
  readonly nothingThere?: string | undefined
}

/** Moves all sessions of a source, and says what has become of them. */
export async function moveAdopted({ source, to, options, failures, signal, words }: Movement): Promise<void> {
  if (options.to !== undefined && options.namespace === undefined) noteNamespace(to, words.namespace)
  const signals = [stopOnSignal(), ...(signal ? [signal] : [])]
  const startedAt = performance.now()
  const report = await moveSource({
    ...{ source: watched(source, failures, words.whose), page: options.page, signal: AbortSignal.any(signals) },
    ...{ dryRun: options.dryRun, end: options.delete },
    to: { adopt: (session) => failures.watch('The session could not be stored', () => to.adopt(session)) },
    onProgress: (options.json ? silent : lines('Looked at')).progress,
  }).catch((error: unknown) => {
    if (failures.permanent === null) throw error
    // Only its cause, because its message is in what was remembered.
    throw permanentFailure(failures.permanent, (error as Error).cause)
  })
  print(report, options, {
    ...{ words, to: to.policy.engine, dryRun: options.dryRun === true, permanent: failures.permanent },
    milliseconds: Math.round(performance.now() - startedAt),
  })
}

const permanentFailure = (reason: string, cause?: unknown) =>
  new Failure(EXIT.failed, `${reason.replace(/\.$/, '')}. ${NO_USE}`, {
    cause,
  })

type Source = SourceMove['source']

const watched = (source: Source, failures: Failures, whose: string): Source => ({
  name: source.name,
  read: (key) => failures.watch(`${whose} session could not be read`, () => source.read(key)),
  end: (key) => failures.watch(`${whose} session could not be deleted`, async () => source.end?.(key)),
  keys: (options) => watchedKeys(source.keys(options), failures, whose),
})

async function* watchedKeys(pages: ReturnType<Source['keys']>, failures: Failures, whose: string) {
  const iterator = pages[Symbol.asyncIterator]()
  for (;;) {
    const page = await failures.watch(`${whose} sessions could not be listed`, () => iterator.next())
    if (page.done) return
    yield page.value
  }
}

interface Facts {
  readonly words: Words
  readonly to: string
  readonly dryRun: boolean
  readonly milliseconds: number
  /** What failed for a reason that will not pass by itself. */
  readonly permanent: string | null
}

function print(report: SourceMoveReport, options: SourceOptions, facts: Facts): void {
  const { words, to, dryRun, milliseconds } = facts
  const deleted = options.delete === true && !dryRun
  if (options.json) json({ from: words.from, to, dryRun, deleted, ...report, milliseconds })
  else for (const text of sentences(report, facts)) line(text)
  const { permanent } = facts
  if (!report.complete && permanent !== null) throw permanentFailure(permanent)
  if (!report.complete) throw new Failure(EXIT.interrupted, 'Interrupted. Run it again to continue.')
  const reasons = reasonsFor(report, facts)
  const { firstError } = report
  if (reasons.length > 0)
    throw new Failure(EXIT.failed, `Not moved: ${reasons.join(', ')}.${causeOf(permanent, firstError)}`)
}

function* sentences(report: SourceMoveReport, { words, to, dryRun, milliseconds }: Facts): Generator<string> {
  const { moved, compared, existing, gone, signedOut, unreadable, malformed, tooLarge, failed, complete } = report
  const { from, nothingThere } = words
  if (dryRun) yield `${sessionCount(moved)} would be moved from ${from} to ${to}. Nothing was changed.`
  else
    yield `Moved ${sessionCount(moved)} from ${from} to ${to}${duration(moved, milliseconds)}${complete ? '.' : ' so far.'}`
  if (moved > 0 && !dryRun) yield `Compared, and identical: ${sessionCount(compared)}${usedSince(moved - compared)}.`
  if (existing > 0) yield `Already in ${to}: ${sessionCount(existing)}.`
  if (signedOut > 0)
    yield `Ended when the password changed, the user was removed, or all of the user's sessions were ended: ${sessionCount(signedOut)}.`
  if (gone > 0) yield `Ended or expired before they were moved: ${sessionCount(gone)}.`
  const seen = moved + existing + gone + signedOut + unreadable + malformed + tooLarge + failed
  if (seen === 0 && complete && nothingThere !== undefined) yield nothingThere
}

const usedSince = (count: number) => (count > 0 ? ` (${number(count)} more were used again before that)` : '')

function causeOf(permanent: string | null, firstError: string | null): string {
  if (permanent !== null) return ` ${permanent}. ${NO_USE}`
  return firstError === null ? '' : ` ${firstError}`
}

function reasonsFor(report: SourceMoveReport, { permanent, words }: Facts): string[] {
  const { unreadable, malformed, tooLarge, failed } = report
  const reasons = [
    unreadable > 0 && `${sessionCount(unreadable)} ${words.unreadable}`,
    malformed > 0 && `${sessionCount(malformed)} with malformed data`,
    tooLarge > 0 && `${sessionCount(tooLarge)} too large`,
    failed > 0 &&
      `${sessionCount(failed)} for which a store did not respond${permanent === null ? ' (run it again)' : ''}`,
  ]
  return reasons.filter((reason) => reason !== false)
}
