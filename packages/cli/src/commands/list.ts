import type { Command } from 'commander'
import type { Device } from 'strongroom'
import { type AnySessions, inNamespace, type StoreOptions, withSessions } from '../config.ts'
import { relative } from '../format.ts'
import { withExamples, withNamespace, withStoreOptions, withUser } from '../options.ts'
import { json, line, oneLine, table } from '../output.ts'

interface Options extends StoreOptions {
  readonly user: string
  readonly json?: true
}

export function list(program: Command): void {
  const command = withUser(withNamespace(withStoreOptions(program.command('list'))))
    .summary("list a user's sessions")
    .description("Lists a user's live sessions, newest first. Use their handles with show and revoke.")
    .action((options: Options) =>
      withSessions(options, ['store', 'namespace', 'keys'], (sessions) => print(sessions, options)),
    )
  withExamples(command, 'strongroom list --user 42')
}

async function print(sessions: AnySessions, options: Options): Promise<void> {
  const devices = await sessions.of(options.user).list(undefined, { complete: true })
  if (options.json) return json(devices.map(({ current: _, ...device }) => device))
  if (devices.length === 0) return line(`This user has no sessions${inNamespace(options, sessions)}.`)
  const columns = COLUMNS.filter(({ name }) => name === 'label' || devices.some((device) => device[name] !== null))
  const bound = devices.some(({ deviceBound }) => deviceBound) ? ['Bound'] : []
  table(
    ['Handle', 'Began', 'Last seen', 'Ends', ...columns.map(({ title }) => title), ...bound],
    devices.map((device) => [
      ...moments(device),
      ...columns.map(({ name }) => shown(device[name])),
      ...bound.map(() => (device.deviceBound ? 'yes' : 'no')),
    ]),
  )
}

/** Those after the first are there where an application stores addresses. */
const COLUMNS = [
  { title: 'Device', name: 'label' },
  { title: 'Address', name: 'address' },
  { title: 'Place', name: 'place' },
] as const

const shown = (text: string | null) => (text ? oneLine(text) : '–')

function moments({ handle, createdAt, lastSeenAt, expiresAt }: Device): string[] {
  return [handle, relative(createdAt), lastSeenAt ? relative(lastSeenAt) : '–', relative(expiresAt)]
}
