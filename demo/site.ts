import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Report } from '@strongroom/cli/lab'
import { createSessions, type Sessions } from 'strongroom'
import { Runner } from './attacks/run.ts'
import { Runs } from './attacks/runs.ts'
import type { Choices } from './command.ts'
import { keyIn } from './key.ts'
import { readReport } from './lab/recorded.ts'
import { Targets } from './targets/targets.ts'

/** What the page itself remembers of a visitor. */
export interface Visit {
  readonly note: string
  /** The id of the latest run of each attack. */
  readonly runs: Readonly<Record<string, string>>
}

/** Everything that the pages need. */
export interface Site {
  readonly sessions: Sessions<Visit>
  readonly targets: Targets
  readonly runner: Runner
  readonly runs: Runs
  readonly report: Report
  /** See `KEY_HEADER`. */
  readonly key: string
  close(): Promise<void>
}

const FOLDER = '.strongroom'

/** Rejects with one line for people: a store that cannot be used, a report that is none. */
export async function openSite({ store, plainCookie, report }: Omit<Choices, 'port' | 'servers'>): Promise<Site> {
  const secrets = keyIn(join(FOLDER, 'demo.key'))
  const key = randomBytes(16).toString('hex')
  const recorded = await readReport(report)
  const folder = join(FOLDER, 'engines')
  const targets = await Targets.open({ secrets, key, plainCookie, folder, ownStore: store })
  const sessions = createSessions<Visit>({
    store: `sqlite:./${FOLDER}/demo.db`,
    secrets,
    sweep: '10m',
    ...(plainCookie && { cookie: { name: 'id', secure: false } }),
  })
  return {
    sessions,
    targets,
    runner: new Runner(key),
    runs: new Runs(),
    report: recorded,
    key,
    async close() {
      await targets.close()
      await sessions.close()
    },
  }
}
