import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Cell, PROPERTIES, type Report, type RowInfo, VERDICTS } from '@strongroom/cli/lab'

const ROWS = ['memory', 'file', 'sqlite', 'postgres', 'redis', 'cookie, signed', 'cookie, sealed']
const OTHERS = ['express-session + connect-redis', 'django db']

/** A made-up report, with a cell of each verdict and an attack on each property. */
export function labReport(): Report {
  const row = (name: string, family: RowInfo['family']): RowInfo => ({
    ...{ name, family, engine: name, seal: family === 'strongroom' ? 'two-key' : null, version: null, traits: null },
  })
  const rows = [
    ...ROWS.map((name) => row(name, 'strongroom')),
    ...OTHERS.map((name) => row(name, name.startsWith('django') ? 'django' : 'peer')),
  ]
  const attacks = PROPERTIES.map((property) => ({
    ...{ name: `attack-on-${property.replaceAll(' ', '-')}`, title: `Attack on ${property}`, property },
    ...{ attacker: 'a test', how: 'It is made up.', docs: 'docs/security.md#not-covered' },
  }))
  const cells = rows.flatMap(({ name, family }, i) =>
    attacks.map((attack, j): Cell => {
      const verdict = family === 'strongroom' ? 'held' : (VERDICTS[(i + j) % VERDICTS.length] ?? 'held')
      const evidence = [{ what: 'seen by the test', value: `<b>${name}</b> ${attack.name}` }]
      return { row: name, attack: attack.name, verdict, promised: true, summary: `It is ${verdict}.`, evidence, ms: 12 }
    }),
  )
  return {
    format: 1,
    at: '2026-11-29T12:00:00.000Z',
    machine: 'a made-up machine',
    thorough: false,
    rows,
    attacks,
    cells,
  }
}

export function labReportIn(folder: string, report: unknown = labReport()): string {
  const path = join(folder, 'lab.json')
  writeFileSync(path, JSON.stringify(report))
  return path
}
