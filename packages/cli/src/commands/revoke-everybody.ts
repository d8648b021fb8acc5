import { setTimeout as wait } from 'node:timers/promises'
import type { Command } from 'commander'
import type { EverybodyReport } from 'strongroom'
import { type AnySessions, inNamespace, type StoreOptions, withSessions } from '../config.ts'
import { EXIT, Failure, misuse } from '../failure.ts'
import { dateTime, sessionCount } from '../format.ts'
import { wholeNumber, withExamples, withNamespace, withStoreOptions } from '../options.ts'
import { isInteractive, json, line } from '../output.ts'
import { lines, silent } from '../progress.ts'
import { confirm } from '../prompts.ts'
import { stopOnSignal } from '../signals.ts'

interface Options extends StoreOptions {
  readonly yes?: true
  readonly watch?: number
  readonly json?: true
}

const STEPS = `Every session ends when the secrets that made it are gone. Before you go on:

  1. Make a new secret:        npx @strongroom/cli keys new
  2. Let STRONGROOM_SECRETS be that one alone, on every server, and here.
  3. Restart every server, or let it call sessions.reloadSecrets().

Then this command removes what is stored of the old sessions, and watches
whether a server still makes new ones under an old secret.
`

export function revokeEverybody(program: Command): void {
  const command = withNamespace(withStoreOptions(program.command('revoke-everybody')))
    .summary('end all sessions of all users, after a breach')
    .description(
      'Ends every session of every user of the application. Replacing all secrets does that; this command guides through it, then removes what is stored of the sessions that the secrets of this config do not open, in batches and beside live traffic. On a terminal it asks first.',
    )
    .option('-y, --yes', 'do not ask: every server has the new secrets alone')
    .option('--watch <seconds>', 'watch this long for a server that still has an old secret (default: 15)', wholeNumber)
    .action((options: Options) =>
      withSessions(options, ['store', 'namespace', 'keys'], (sessions) => end(sessions, options)),
    )
  withExamples(command, 'strongroom revoke-everybody', 'strongroom revoke-everybody --yes --watch 60 --json')
}

async function end(sessions: AnySessions, options: Options): Promise<void> {
  await refuseRetired(sessions)
  if (!options.yes && isInteractive()) {
    line(STEPS)
    await confirm('Do all servers have the new secret, and none an old one?')
  }
  const signal = stopOnSignal()
  const first = await remove(sessions, options, signal)
  if (first.records !== 'read') {
    printUnread(first.records, sessions, options)
    return
  }
  if (!options.json) printRemoved(first, inNamespace(options, sessions))
  if (first.removed === 0 && first.alive && !signal.aborted) {
    if (options.json) json({ ...numbersOf(first), oldSecretInUse: null })
    throw new Failure(EXIT.failed, nothingEnded(first))
  }
  const later = signal.aborted ? null : await watch(sessions, options, signal)
  if (options.json) {
    const removed = first.removed + (later?.removed ?? 0)
    json({ ...numbersOf(later ?? first), removed, oldSecretInUse: removed > first.removed })
  }
  if (signal.aborted) throw new Failure(EXIT.interrupted, 'Interrupted. Run it again to continue.')
  if (!later || later.removed === 0) {
    if (!options.json)
      line(`No server has made a session under an old secret meanwhile${inNamespace(options, sessions)}.`)
    return
  }
  const kids = [...later.keys.keys()].join(', ')
  const newest = later.newest ? `, the newest of them began ${dateTime(later.newest)}` : ''
  throw new Failure(
    EXIT.failed,
    `A server still has an old secret${kids && ` (key id ${kids})`}: ${sessionCount(later.removed)} stored meanwhile${newest}. Give it the new secret, and run this again.`,
  )
}

/** One that leaked goes on opening sessions while it is in the ring, whatever its place. */
async function refuseRetired(sessions: AnySessions): Promise<void> {
  const kids = await sessions.keys()
  if (kids.length > 1)
    throw misuse(
      `There are ${kids.length} secrets (key ids ${kids.join(', ')}), and sessions under each of them go on. Let the new one be the only one, here and on every server, and run this again. Nothing was ended.`,
    )
}

const numbersOf = ({ removed, alive, oldestAlive, otherNamespaces }: EverybodyReport) => ({
  removed,
  alive,
  oldestAlive,
  otherNamespaces,
})

/** That there was nothing to remove must not read as if everybody had been signed out. */
function nothingEnded({ alive, oldestAlive }: EverybodyReport): string {
  const oldest = oldestAlive ? `, the oldest of which began ${dateTime(oldestAlive)}` : ''
  return `Nothing was ended: the secret opens ${sessionCount(alive ?? 0)}${oldest}. If the secret was made before that, it is the old one: replace it on every server and here, and run this again. If it was made later, all older sessions have ended.`
}

function printRemoved({ removed, otherNamespaces }: EverybodyReport, where: string): void {
  line(`Removed ${sessionCount(removed)}${where}.`)
  if (otherNamespaces)
    line(
      `${sessionCount(otherNamespaces)} of other namespaces ${otherNamespaces === 1 ? 'was' : 'were'} left. If a leaked secret was theirs, too, run this for them.`,
    )
}

/** Nothing was looked at, so nothing is known about servers that may still have an old secret. */
function printUnread(records: 'in-cookies' | 'not-walkable', { policy }: AnySessions, options: Options): void {
  if (options.json) {
    json({ removed: 0, alive: null, oldestAlive: null, oldSecretInUse: null, otherNamespaces: null })
    return
  }
  line(
    records === 'in-cookies'
      ? 'These sessions are in their cookies: nothing is stored, and nothing can be watched.'
      : `The store ${policy.engine} cannot be walked: nothing was removed, and nothing can be watched.`,
  )
  line('Replacing the secrets has ended these sessions on every server that has only the new ones.')
}

async function remove(sessions: AnySessions, options: Options, signal: AbortSignal): Promise<EverybodyReport> {
  const display = options.json ? silent : lines('Removed')
  try {
    return await sessions.revokeEverybody({ signal, onProgress: display.progress })
  } finally {
    display.end()
  }
}

/** Then whatever is there under an old secret was made since. */
async function watch(sessions: AnySessions, options: Options, signal: AbortSignal): Promise<EverybodyReport> {
  const { watch: seconds = 15 } = options
  if (!options.json) line(`Watching for ${seconds} s whether a server still has an old secret …`)
  await wait(seconds * 1000, undefined, { signal }).catch(() => undefined)
  return remove(sessions, options, signal)
}
