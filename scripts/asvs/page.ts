import type { Proof } from './proofs.ts'
import type { Row } from './row.ts'
import { SOURCES } from './rows.ts'

type Entry = readonly [id: string, row: Row]

const WHO = ['held', 'offered', 'not ours'] as const

/** docs/asvs.md, from the rows and the tests that prove them. */
export function pageOf(rows: ReadonlyMap<string, Row>, proofs: readonly Proof[]): string {
  const files = new Map(proofs.map(({ id, file }) => [id, file]))
  const all = [...rows]
  return [
    '# The checklist: ASVS, OWASP and NIST',
    '',
    ...INTRODUCTION,
    '',
    `| | ${WHO.join(' | ')} |`,
    `|${' --- |'.repeat(1 + WHO.length)}`,
    ...SOURCES.map(([title, pattern]) => {
      const entries = all.filter(([id]) => pattern.test(id))
      const counts = WHO.map((who) => entries.filter(([, row]) => row.who === who).length || '–')
      return `| [${title}](#${anchorOf(title)}) | ${counts.join(' | ')} |`
    }),
    '',
    ...SOURCES.flatMap(([title, pattern]) =>
      section(
        title,
        all.filter(([id]) => pattern.test(id)),
        files,
      ),
    ),
  ]
    .join('\n')
    .replace(/\n+$/, '\n')
}

const INTRODUCTION = [
  'What standards require of sessions, in our words, and what the library does about each of them. Each row that is *held* or *offered* is proved by a',
  'test of its own: most of them look at a running server from outside, those about browsers use Chromium, and a few read the sources. In the repository,',
  '`node scripts/asvs.ts` runs these tests and writes this page; it writes nothing if one of them fails or is skipped.',
  '',
  '- **Held**: by the library alone, with its defaults.',
  '- **Offered**: by the call or the option in the table, which the application has to use.',
  '- **Not ours**: no library of sessions can do it; the table says what can.',
  '',
  'The sources are [OWASP ASVS 5.0.0](https://github.com/OWASP/ASVS/tree/v5.0.0), with its levels 1 to 3; the [Session Management Cheat',
  'Sheet](https://cheatsheetseries.owasp.org/cheatsheets/Session_Management_Cheat_Sheet.html), by its headings; [NIST SP',
  '800-63B-4](https://pages.nist.gov/800-63-4/sp800-63b.html), by its sections, with the number in a list in brackets; and RFC 6265bis with CHIPS.',
  'Their wording counts, and not ours.',
  '',
  'The rows are about sessions in a store, unless they say otherwise. [What a bare cookie cannot do](cookie.md#what-it-cannot-do), such as a logout that',
  'ends all copies, is on its page.',
]

function section(title: string, entries: readonly Entry[], files: ReadonlyMap<string, string>): string[] {
  const provable = entries.filter(([, { who }]) => who === 'held' || who === 'offered')
  const others = entries.filter(([, { who }]) => who === 'not ours')
  return [
    `## ${title}`,
    '',
    '| | what is required | here | test |',
    '| --- | --- | --- | --- |',
    ...provable.map(
      ([id, row]) => `| ${nameOf(id, row)} | ${row.meaning} | ${hereOf(row)} | ${fileOf(files.get(id))} |`,
    ),
    '',
    ...rest(others),
  ]
}

function rest(entries: readonly Entry[]): string[] {
  if (entries.length === 0) return []
  return [
    'Not ours:',
    '',
    '| | what is required | whose it is |',
    '| --- | --- | --- |',
    ...entries.map(([id, row]) => `| ${nameOf(id, row)} | ${row.meaning} | ${row.by} |`),
    '',
  ]
}

/** The number within its source; that of ASVS with its level. */
const nameOf = (id: string, { level }: Row) =>
  `${id.replace(/^(?:ASVS|OWASP|NIST) /, '')}${level ? ` (L${level})` : ''}`

const hereOf = ({ who, by, page }: Row) => (who === 'held' ? `[held](${page})` : `${by} ([offered](${page}))`)

/** A page of our own is shorter to read than the path of a file. */
const fileOf = (file: string | undefined) => (file === undefined ? '' : `\`${file}\``)

/** As GitHub makes them: https://github.com/gjtorikian/html-pipeline. */
const anchorOf = (title: string) =>
  title
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')
