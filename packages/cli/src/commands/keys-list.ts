import type { Command } from 'commander'
import type { KeyUse } from 'strongroom'
import { findConfig, othersNotCounted, type StoreOptions, secretsFrom, withSessions } from '../config.ts'
import { misuse } from '../failure.ts'
import { number } from '../format.ts'
import { withExamples, withNamespace, withStoreOptions } from '../options.ts'
import { json, line, table } from '../output.ts'
import { kidsOf } from '../secrets.ts'

interface Options extends StoreOptions {
  readonly count?: true
  readonly json?: true
}

interface Row {
  /** The secret's place in the list, from 1; null for a key that is not in it. */
  readonly position: number | null
  readonly kid: number
  readonly state: 'current' | 'retired' | 'unknown'
  readonly sessions?: number
}

export function keysList(keys: Command): void {
  const command = withNamespace(withStoreOptions(keys.command('list')))
    .summary('list the keys of the ring')
    .description(
      'Lists the keys that the secrets make, by their key ids, and never a secret. Without a config and --store it reads only STRONGROOM_SECRETS. With --count it reads every live session of the application, to show which keys are still in use.',
    )
    .option('--count', 'count the live sessions that need each key')
    .action(show)
  withExamples(command, 'strongroom keys list', 'strongroom keys list --count')
}

async function show(options: Options): Promise<void> {
  if (options.namespace !== undefined && !options.count) throw misuse('--namespace is for --count.')
  if (options.store === undefined && !options.count && !findConfig(options))
    return print(kidsOf(secretsFrom(options.env)), null, options)
  await withSessions(options, options.count ? ['store', 'namespace', 'keys'] : ['keys'], async (sessions) => {
    print(await sessions.keys(), options.count ? await sessions.keyUse() : null, options)
  })
}

function print(kids: readonly number[], use: KeyUse | null, options: Options): void {
  const rows = rowsOf(kids, use)
  if (options.json) json({ keys: rows, ...(use && { unsealed: use.unsealed, otherNamespaces: use.otherNamespaces }) })
  else draw(rows, use)
}

function draw(rows: readonly Row[], use: KeyUse | null): void {
  table(
    ['Position', 'Key id', 'State', ...(use ? ['Sessions'] : [])],
    rows.map(({ position, kid, state, sessions }) => [
      position === null ? '–' : String(position),
      String(kid),
      state,
      ...(sessions === undefined ? [] : [number(sessions)]),
    ]),
  )
  if (use) for (const text of remarks(rows, use)) line(text)
}

function rowsOf(kids: readonly number[], use: KeyUse | null): Row[] {
  const sessions = (kid: number) => (use ? { sessions: use.needed.get(kid) ?? 0 } : {})
  const unknown = [...(use?.needed.keys() ?? [])].filter((kid) => !kids.includes(kid))
  return [
    ...kids.map((kid, i): Row => {
      return { position: i + 1, kid, state: i === 0 ? 'current' : 'retired', ...sessions(kid) }
    }),
    ...unknown.map((kid): Row => ({ position: null, kid, state: 'unknown', ...sessions(kid) })),
  ]
}

function* remarks(rows: readonly Row[], { unsealed, otherNamespaces }: KeyUse): Generator<string> {
  yield ''
  if (unsealed > 0) yield `Not sealed: ${number(unsealed)}.`
  if (otherNamespaces > 0)
    yield `${othersNotCounted(otherNamespaces)} If they have these secrets, too, count them there.`
  if (rows.some(({ state }) => state === 'retired'))
    yield 'A retired secret can be removed when no session needs it; then run keys forget with its key id. One that was just added, to become the current one, has to stay.'
  if (rows.some(({ state }) => state === 'unknown'))
    yield 'Sessions that need an unknown key cannot be opened. Was a secret removed too early, or is this the wrong store?'
}
