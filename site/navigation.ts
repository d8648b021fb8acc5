/**
 * The navigation is docs/README.md, the index that GitHub shows: its sections in their order, and in each the pages that its tables
 * name. So a page is listed in one file, and is in both.
 */

export interface Item {
  /** What the sidebar says. */
  readonly text: string
  /** The page, from the root of the repository: `docs/express.md`. */
  readonly page: string
}

export interface Group {
  /** The header of its column, or null for a table without headers. */
  readonly title: string | null
  readonly items: readonly Item[]
}

export interface Section {
  readonly title: string
  readonly groups: readonly Group[]
}

interface Cell {
  readonly group: string | null
  readonly text: string
}

const LINK = /\[([^\]]+)\]\(([^()\s#]+\.md)(?:#[^()\s]*)?\)/g
const HEADING = /^## +(.+)$/m
const RULE = /^\|(?:\s*:?-+:?\s*\|)+$/

/**
 * The sections of the index. A page belongs where a table or a list names it first, and one that stands only in prose belongs to the
 * section of that prose. A table without headers has the pages in its first column; in one with headers, each column is a group.
 */
export function readNavigation(index: string): Section[] {
  const parts = index.split(/^(?=## )/m).slice(1)
  const placed = new Set<string>()
  const take = (text: string): Item[] =>
    [...text.matchAll(LINK)].flatMap(([, name = '', target = '']) => {
      const page = fromRoot(target)
      if (placed.has(page)) return []
      placed.add(page)
      return [{ text: name.replaceAll('`', ''), page }]
    })
  const tables = parts.map((part) => grouped(cellsOf(part.split('\n')), take))
  return parts.map((part, at) => {
    const prose = take(part)
    const groups = [...(tables[at] ?? []), ...(prose.length > 0 ? [{ title: null, items: prose }] : [])]
    return { title: HEADING.exec(part)?.[1] ?? '', groups: merged(groups) }
  })
}

/** Where a link of docs/README.md leads, from the root. */
const fromRoot = (target: string) => (target.startsWith('../') ? target.slice(3) : `docs/${target}`)

/** The cells and list items that may name a page, column by column. */
function cellsOf(lines: readonly string[]): Cell[] {
  const cells: Cell[] = []
  for (let at = 0; at < lines.length; at++) {
    const item = /^[-*] +(.+)$/.exec(lines[at] ?? '')?.[1]
    if (item !== undefined) cells.push({ group: null, text: item })
    if (!RULE.test(lines[at] ?? '')) continue
    const headers = columns(lines[at - 1] ?? '')
    const end = lines.findIndex((line, index) => index > at && !line.startsWith('|'))
    const rows = lines.slice(at + 1, end < 0 ? undefined : end).map(columns)
    const used = headers.every((header) => header === '') ? [''] : headers
    for (const [column, header] of used.entries())
      for (const row of rows) cells.push({ group: header || null, text: row[column] ?? '' })
  }
  return cells
}

const columns = (row: string) =>
  row
    .replace(/^\||\|$/g, '')
    .split('|')
    .map((cell) => cell.trim())

function grouped(cells: readonly Cell[], take: (text: string) => Item[]): Group[] {
  return cells.map(({ group, text }) => ({ title: group, items: take(text) })).filter(({ items }) => items.length > 0)
}

/** Groups of the same title as one, in the order in which they began. */
function merged(groups: readonly Group[]): Group[] {
  const titles = [...new Set(groups.map(({ title }) => title))]
  return titles.map((title) => ({
    title,
    items: groups.filter((group) => group.title === title).flatMap(({ items }) => items),
  }))
}

/** Every page that the navigation names, in its order. */
export const pagesOf = (sections: readonly Section[]): string[] =>
  sections.flatMap(({ groups }) => groups.flatMap(({ items }) => items.map(({ page }) => page)))
