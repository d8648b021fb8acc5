import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../scripts/packages.ts'
import type { Section } from './navigation.ts'

/**
 * Fills in what the start page shares with README.md and with the index: `<!-- quick start -->`, `<!-- engines -->`, and from sections
 * of the navigation `<!-- links: Frameworks -->` and `<!-- first: Start -->`, the address of its first page.
 */
export function fillHome(text: string, sections: readonly Section[]): string {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  return text.replace(/<!-- (quick start|engines|links|first)(?:: ([\w ]+))? -->/g, (_, kind: string, name = '') => {
    if (kind === 'quick start') return quickStart(readme)
    // Links of README.md are from the root.
    if (kind === 'engines')
      return part(readme, /<!-- lab: engines -->\n([\s\S]*?)<!-- lab end -->/).replaceAll('](docs/', '](../docs/')
    const items = itemsOf(sections, name)
    if (kind === 'first') return `../${items[0]?.page}`
    return items.map(({ text, page }) => `- [${text}](../${page})`).join('\n')
  })
}

/** The lines to install it, and the first program. */
function quickStart(readme: string): string {
  const install = part(readme, /^## Install\n\n(```sh\n[\s\S]*?```)/m)
  const program = part(readme, /^## Quick start\n\n(```ts\n[\s\S]*?```)/m)
  return `${install}\n\n${program}`
}

function itemsOf(sections: readonly Section[], title: string) {
  const items = sections.find((section) => section.title === title)?.groups.flatMap((group) => group.items)
  if (!items?.length)
    throw new Error(`The start page shows the section "${title}", and docs/README.md has no such section with pages.`)
  return items
}

function part(text: string, pattern: RegExp): string {
  const found = pattern.exec(text)?.[1]
  if (found === undefined) throw new Error(`README.md has nothing that matches ${pattern}, which the start page shows.`)
  return found
}
