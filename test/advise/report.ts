import type { Traits } from 'strongroom'
import type { AttackInfo, Cell, Property, Report, RowInfo, Verdict } from '../../packages/cli/src/lab/report.ts'

/** A report as a run of the lab would record it, with the verdicts that the documents promise. For tests that need to know them. */

const attack = (name: string, title: string, property: Property, attacker: string): AttackInfo => ({
  ...{ name, title, property, attacker, how: `${title}.`, docs: 'docs/security.md#who-learns-what' },
})

export const ATTACKS: readonly AttackInfo[] = [
  attack('kill-the-store', 'Kill the store in the middle of writes', 'durable', 'a crash'),
  attack('kill-the-application', 'Kill the application', 'durable', 'a crash'),
  attack('read-the-files', "Read the database's files", 'private on the server', "anyone who reads the server's disk"),
  attack('read-a-backup', 'Read a backup', 'private on the server', 'anyone who finds a backup'),
  attack(
    'read-a-backup-and-the-secrets',
    "Read a backup and the server's secrets",
    'private on the server',
    'anyone who has both',
  ),
  attack(
    'read-the-cookie-jar',
    "Read the browser's cookie jar",
    'private in the browser',
    "anyone who reads the user's computer",
  ),
  attack('alter-a-cookie', 'Alter a cookie', 'integrity', 'anyone with a browser'),
  attack('made-up-tokens', '10,000 made-up tokens', 'integrity', 'anyone'),
  attack('alter-rows', 'Alter and swap rows', 'integrity', 'anyone who can write to the database'),
  attack('fixation', 'Plant a cookie and wait for a login', 'integrity', 'anyone who plants a cookie'),
  attack('write-to-the-cache', 'Write to the cache only', 'integrity', 'anyone who can write to the cache'),
  attack('replay-after-logout', 'Replay a cookie after its logout', 'final', 'anyone who holds a copied cookie'),
  attack('roll-back-rows', 'Put an old row back', 'final', 'anyone who can write to the database'),
  attack(
    'slow-request-and-logout',
    'A slow request against a logout',
    'final',
    'nobody: two requests at the same time',
  ),
  attack('abandoned-sessions', 'Abandoned sessions past their deadline', 'forgets', 'anyone, later'),
  attack('two-servers', 'The same session on two servers', 'shared', 'nobody: two servers'),
]

interface Row {
  readonly name: string
  readonly engine: string
  readonly seal: string
  readonly traits: Traits
}

const traits = (engine: string, more: Partial<Traits> = {}): Traits => ({
  ...{ engine, durable: 'machine', shared: 'network', expiresByItself: false, granularity: 1, sizeLimit: 2 ** 28 },
  ...{ evicts: false, revocable: true },
  ...more,
})

const forgets = { durable: 'no' } as const
const cookie = { durable: 'no', sizeLimit: 4096, evicts: true, expiresByItself: true } as const
const row = (name: string, engine: string, seal: string, of: Traits): Row => ({ name, engine, seal, traits: of })
const stored = (engine: string, more: Partial<Traits> = {}, seal = 'two-key') =>
  row(seal === 'two-key' ? engine : `${engine}, seal ${seal}`, engine, seal, traits(engine, more))

const ROWS: readonly Row[] = [
  row('memory', 'memory', 'none', traits('memory', { ...forgets, shared: 'process' })),
  row('memory, seal two-key', 'memory', 'two-key', traits('memory', { ...forgets, shared: 'process' })),
  stored('file', { shared: 'machine' }),
  stored('sqlite', { shared: 'machine' }),
  stored('sqlite', { shared: 'machine' }, 'server-key'),
  stored('sqlite', { shared: 'machine' }, 'none'),
  stored('postgres'),
  stored('postgres', {}, 'server-key'),
  stored('postgres', {}, 'none'),
  stored('mysql'),
  stored('redis', { expiresByItself: true }),
  row('valkey', 'valkey', 'two-key', traits('redis', { expiresByItself: true })),
  stored('memcached', { ...forgets, evicts: true, expiresByItself: true }),
  row('memory over postgres', 'cached', 'two-key', traits('cached postgres with memory')),
  row('redis over postgres', 'cached', 'two-key', traits('cached postgres with redis')),
  row('cookie, signed', 'cookie', 'signed', traits('cookie (signed)', { ...cookie, revocable: false })),
  row('cookie, sealed', 'cookie', 'sealed', traits('cookie (sealed)', { ...cookie, revocable: false })),
  row('cookie, sealed, with revocations', 'cookie', 'sealed', traits('cookie (sealed)', cookie)),
]

function verdictOf({ engine, seal, traits: of }: Row, { name }: AttackInfo): Verdict {
  const isCookie = engine === 'cookie'
  const isMemory = engine === 'memory'
  const held = (yes: boolean): Verdict => (yes ? 'held' : 'broken')
  switch (name) {
    case 'kill-the-store':
    case 'kill-the-application':
      return isCookie ? 'not applicable' : held(of.durable !== 'no')
    case 'read-the-files':
    case 'read-a-backup':
      return isCookie || isMemory || engine === 'memcached' ? 'not applicable' : held(seal !== 'none')
    case 'read-a-backup-and-the-secrets':
      return isCookie || isMemory || engine === 'memcached' ? 'not applicable' : held(seal === 'two-key')
    case 'read-the-cookie-jar':
      return held(seal !== 'signed')
    case 'alter-rows':
      return isCookie || isMemory ? 'not applicable' : held(seal !== 'none')
    case 'roll-back-rows':
      return isCookie || isMemory ? 'not applicable' : 'broken'
    case 'write-to-the-cache':
      return engine === 'cached' ? 'held' : 'not applicable'
    case 'replay-after-logout':
    case 'slow-request-and-logout':
      return held(of.revocable)
    case 'abandoned-sessions':
      return isCookie && !of.revocable ? 'not applicable' : 'held'
    case 'two-servers':
      return held(of.shared === 'network')
    default:
      return 'held'
  }
}

const cell = (of: Row, info: AttackInfo, verdict: Verdict): Cell => ({
  ...{ row: of.name, attack: info.name, verdict, promised: verdict === 'held', ms: 1 },
  summary: verdict === 'broken' ? 'the note was found' : 'nothing was found',
  evidence: [{ what: 'bytes', value: '1' }],
})

/** `verdict` may say something else about a cell; null leaves it out. */
export function reportWith(
  verdict: (row: RowInfo, attack: AttackInfo) => Verdict | null | undefined = () => undefined,
): Report {
  const rows = ROWS.map(({ name, engine, seal, traits: of }): RowInfo => {
    return { name, family: 'strongroom', engine, seal, version: 'strongroom 0.1.0', traits: of }
  })
  const cells = ROWS.flatMap((each, at) =>
    ATTACKS.flatMap((info) => {
      const said = verdict(rows[at] as RowInfo, info)
      return said === null ? [] : [cell(each, info, said ?? verdictOf(each, info))]
    }),
  )
  const peer: RowInfo = {
    ...{ name: 'express-session + memory', family: 'peer', engine: 'memory', seal: null, version: null, traits: null },
  }
  return {
    ...{ format: 1, at: '2026-11-29T12:00:00.000Z', machine: 'Node 24.21.0, linux x64', thorough: false },
    ...{ rows: [...rows, peer], attacks: ATTACKS, cells },
  }
}
