import type { DefaultTheme } from 'vitepress'
import type { Group, Item, Section } from './navigation.ts'

/** A page of the reference: what is imported, and where it is on the site. */
export interface ReferencePage {
  readonly text: string
  readonly place: string
}

/** Sections that stand at the top of every page, as links to their first page. The sidebar has all. */
const AT_THE_TOP = ['Start', 'Frameworks', 'Engines', 'Security', 'Operations', 'Reference']

/** The menus of the site, from the sections of the index. Throws for a section at the top that is not there. */
export function menus(
  sections: readonly Section[],
  places: ReadonlyMap<string, string>,
  reference: readonly ReferencePage[],
): { nav: DefaultTheme.NavItem[]; sidebar: DefaultTheme.SidebarItem[] } {
  const link = (page: string) => {
    const place = places.get(page)
    if (place === undefined) throw new Error(`docs/README.md lists ${page}, and there is no such page.`)
    return `/${place.replace(/\.md$/, '')}`
  }
  const items = (list: readonly Item[]) => list.map(({ text, page }) => ({ text, link: link(page) }))
  const grouped = ({ title, items: list }: Group): DefaultTheme.SidebarItem[] =>
    title === null ? items(list) : [{ text: sentence(title), items: items(list) }]
  const docstrings: DefaultTheme.SidebarItem = {
    text: 'From the docstrings',
    link: '/reference/',
    collapsed: true,
    items: reference.map(({ text, place }) => ({ text, link: `/${place.replace(/\.md$/, '')}` })),
  }

  const sidebar = sections.map(({ title, groups }): DefaultTheme.SidebarItem => {
    const inside = [...groups.flatMap(grouped), ...(title === 'Reference' ? [docstrings] : [])]
    const [only] = inside
    // With no items of its own, it is a title as the others are; without the list, VitePress would put it among their items.
    if (inside.length === 1 && only?.link !== undefined) return { text: title, link: only.link, items: [] }
    // With a link, the title is no button that contains another: the caret alone opens the section.
    const first = groups[0]?.items[0]
    return { text: title, collapsed: title !== 'Start', items: inside, ...(first && { link: link(first.page) }) }
  })
  sidebar.push({ text: 'All pages', link: link('docs/README.md'), items: [] })
  const nav = AT_THE_TOP.map((title) => {
    const first = sections.find((section) => section.title === title)?.groups[0]?.items[0]
    if (!first) throw new Error(`docs/README.md has no section "${title}" with pages.`)
    return { text: title, link: link(first.page) }
  })
  return { nav, sidebar }
}

const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)
