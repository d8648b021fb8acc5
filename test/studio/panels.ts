import type { AdvisorPanel, DoctorPanel, FiguresPanel, LabReport, LabVerdict } from '@strongroom/studio'
import type { FiguresSeries, FiguresSnapshot } from 'strongroom/figures'

/** Panels with plausible contents, for the pages that show them. */
const ENGINES = ['memory', 'file', 'sqlite', 'postgres', 'redis', 'memcached', 'cookie, signed'] as const

const ATTACKS = [
  ['kill-the-store', 'Kill the store in the middle of writes', 'durable'],
  ['read-a-backup', 'Read a backup', 'private on the server'],
  ['read-a-backup-and-secrets', 'Read a backup and the server’s secrets', 'private on the server'],
  ['read-the-jar', 'Read the browser’s cookie jar', 'private in the browser'],
  ['alter-a-cookie', 'Alter a cookie', 'integrity'],
  ['swap-rows', 'Alter, swap and roll back rows', 'integrity'],
  ['replay', 'Replay after logout', 'final'],
  ['race', 'Every interleaving of renewal with logout and with revoke-all', 'final'],
  ['abandoned', 'Abandoned sessions past their deadline', 'forgets'],
  ['two-servers', 'The same session on two servers', 'shared'],
] as const

const verdictOf = (engine: string, property: string): LabVerdict => {
  if (engine === 'memcached') return 'not run'
  if (engine === 'memory' && property === 'durable') return 'broken'
  if (engine === 'cookie, signed') return property.startsWith('private on') ? 'not applicable' : 'broken'
  return 'held'
}

export function labReport(): LabReport {
  return {
    format: 1,
    at: '2026-11-20T10:00:00.000Z',
    machine: 'Node 24.21.0, linux x64',
    thorough: false,
    rows: [
      ...ENGINES.map((name) => ({
        name,
        family: 'strongroom' as const,
        engine: name,
        seal: 'two-key',
        version: 'strongroom 0.1.0',
      })),
      {
        name: 'express-session + connect-redis',
        family: 'peer',
        engine: 'connect-redis',
        seal: null,
        version: 'connect-redis 10.0.0',
      },
      { name: 'django db', family: 'django', engine: 'db', seal: null, version: 'Django 5.2' },
    ],
    attacks: ATTACKS.map(([name, title, property]) => ({
      name,
      title,
      property,
      attacker: 'anyone who finds a backup',
      how: 'A note is kept in a session. Then every file of the backup is searched for it, and for the token. It is held when neither is found.',
      docs: 'docs/security.md',
    })),
    cells: [...ENGINES, 'express-session + connect-redis', 'django db'].flatMap((row) =>
      ATTACKS.map(([attack, , property]) => {
        const verdict = verdictOf(row, property)
        const ran = verdict === 'held' || verdict === 'broken'
        return {
          row,
          attack,
          verdict,
          promised: row !== 'memory' && row !== 'cookie, signed',
          summary: `The attack was made on ${row}, and <b>nothing</b> more is to be said.`,
          evidence: ran ? [{ what: 'bytes of the backup that hold the note', value: '0 of 48,213' }] : [],
          ms: ran ? 120 : 0,
        }
      }),
    ),
  }
}

/** A wave, so that charts have something to show. */
export function figuresSnapshot(now: number): FiguresSnapshot {
  const series = (every: number, length: number): FiguresSeries => {
    const looks = Math.max(1, 60_000 / every)
    const wave = (at: number, size: number, turns: number) =>
      Math.round(size * (1.2 + Math.sin((at / length) * turns * 6.28)) + ((at * 7919) % 13))
    const points = Array.from({ length }, (_, at) => ({
      at: now - (length - at) * every,
      counts: {
        created: wave(at, 40, 2),
        'ended.logout': wave(at, 20, 2),
        'expired.idle': wave(at, 14, 1),
        ...(at % 40 === 0 && { 'ended.revoke': 3 }),
        ...(at % 9 === 0 && { conflicts: 2 }),
        ...(at % 90 === 0 && { superseded: 1 }),
      },
      calls: Object.fromEntries(
        ['read', 'update', 'create', 'touch'].map((method, index) => {
          const ms = wave(at, 2 + index, 3) / 4
          return [method, { count: 10, failed: 0, p50: ms / 2, p95: ms, p99: ms * 2 }]
        }),
      ),
      // As in life: the store is looked at each minute, and not before there was anybody who did.
      live: at < 4 || at % looks !== 0 ? null : wave(at, 12_000, 1),
      expired: at < 4 || at % looks !== 0 ? null : wave(at, 300, 5),
    }))
    const created = points.reduce((sum, { counts }) => sum + (counts.created ?? 0), 0)
    return { every, points, total: { counts: { created }, calls: {}, live: null, expired: null } }
  }
  return {
    at: now,
    history: 'store',
    problem: null,
    stored: { at: now - 30_000, live: { count: 12_431, is: 'estimate' }, expired: { count: 312, is: 'exact' } },
    hour: series(10_000, 360),
    day: series(300_000, 288),
    month: series(3_600_000, 720),
  }
}

const figuresPanel = (): FiguresPanel => ({ snapshot: async () => figuresSnapshot(Date.now()) })

export const doctorPanel = (): DoctorPanel => ({
  diagnose: async () => ({
    format: 1,
    at: new Date().toISOString(),
    checks: [
      {
        name: 'synchronous_commit',
        about: 'PostgreSQL',
        level: 'red',
        what: 'An acknowledged write may be lost when the machine crashes: synchronous_commit is off.',
        mend: 'ALTER SYSTEM SET synchronous_commit = on',
        docs: 'docs/postgres.md',
      },
      {
        name: 'role',
        about: 'PostgreSQL',
        level: 'amber',
        what: 'The role may create databases, which sessions do not need.',
        mend: 'ALTER ROLE shop NOCREATEDB',
        docs: 'docs/postgres.md',
      },
      {
        name: 'replication',
        about: 'PostgreSQL',
        level: 'unknown',
        what: 'The role may not read pg_stat_replication.',
        mend: 'GRANT pg_monitor TO shop',
        docs: 'docs/postgres.md',
      },
      {
        name: 'fsync',
        about: 'PostgreSQL',
        level: 'green',
        what: 'fsync is on.',
        mend: null,
        docs: 'docs/postgres.md',
      },
      {
        name: 'length',
        about: 'secrets',
        level: 'green',
        what: 'Every secret has 32 bytes.',
        mend: null,
        docs: 'docs/options.md',
      },
    ],
  }),
})

const advisorPanel = (): AdvisorPanel => ({
  questions: [
    {
      name: 'properties',
      label: 'What matters?',
      help: 'Choose what you would not give up.',
      kind: 'many',
      choices: [
        { value: 'durable', label: 'No session is lost', hint: 'an acknowledged write survives a crash' },
        { value: 'private', label: 'The server’s disk tells nothing' },
        { value: 'final', label: 'What was ended stays ended' },
      ],
      initial: ['durable'],
    },
    {
      name: 'servers',
      label: 'How many servers?',
      kind: 'one',
      choices: [
        { value: 'one', label: 'One' },
        { value: 'several', label: 'Several' },
      ],
      initial: ['one'],
    },
    { name: 'lifetime', label: 'Lifetime', kind: 'text', unit: 'such as 12h', initial: ['12h'] },
    { name: 'sessions', label: 'Sessions at a time', kind: 'number', unit: 'sessions', initial: ['100000'] },
  ],
  advise: ({ properties = [], servers = [], sessions = [], lifetime = [] }) => ({
    contradictions: properties.includes('durable') && servers.includes('none') ? ['That cannot be.'] : [],
    ranked: [
      {
        title: servers[0] === 'several' ? 'postgres, two-key' : 'sqlite, two-key',
        reasons: properties.map((each) => `held: ${each}`),
        givenUp: ['a network store that needs no disk'],
        config: "export default createSessions({ store: 'sqlite:./sessions.db' })",
        sizing: [
          { what: 'disk', formula: `${sessions[0] ?? '?'} × 420 bytes`, value: '42 MB', source: 'docs/benchmarks.md' },
        ],
      },
    ],
    notes: ['Ruled out: memory, which loses everything.'],
    wrong: lifetime.includes('soon') ? ['“Lifetime” must be like 12h.'] : [],
  }),
})

export const allPanels = () => ({
  figures: figuresPanel(),
  lab: labReport(),
  advisor: advisorPanel(),
  doctor: doctorPanel(),
})
