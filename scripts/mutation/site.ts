// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources

import { type Mutation, on } from './mutation.ts'

const pages = (file: string) => on('test/site/pages.test.ts', `site/${file}.ts`)

/** Mistakes that would show on the documentation site, or keep a page off it. */
export const siteMutations: readonly Mutation[] = [
  pages('navigation')(
    'site: only the first column of a table with headers is in the navigation',
    "headers.every((header) => header === '') ? [''] : headers",
    'headers.slice(0, 1)',
  ),
  pages('navigation')(
    'site: a page that only prose names is in no section',
    '...(prose.length > 0 ? [{ title: null, items: prose }] : [])',
    '',
  ),
  pages('navigation')('site: a page is listed twice', 'if (placed.has(page)) return []', ''),
  pages('markdown')(
    'site: code that only the tests read is shown',
    "kind === 'comment' ? [] : [line]",
    "kind === 'comment' && !line.startsWith('<!--') ? [line] : kind === 'comment' ? [] : [line]",
  ),
  pages('markdown')(
    'site: a comment that a block of code shows is taken out',
    "fence === null && line.startsWith('<!--')",
    "line.startsWith('<!--')",
  ),
  pages('markdown')(
    'site: a tag that was meant as a word is markup',
    'name && TAGS.has(name.toLowerCase()) ? match',
    'name ? match',
  ),
  pages('markdown')(
    'site: links in code are changed',
    'if (span) return whole as string',
    'if (span) return (whole as string).replace(/\\(([^)]+)\\)/, (_, at) => `(${change(at)})`)',
  ),
  pages('slug')('site: anchors that differ from those of GitHub', ".replace(/\\s/g, '-')", ".replace(/\\s+/g, '-')"),
  pages('sidebar')(
    'site: a page that is not there is left out of the menu without a word',
    'if (place === undefined) throw',
    "if (place === undefined) return '/'\n    if (place === '') throw",
  ),
]
