import { type DefaultTheme, defineConfig, type MarkdownOptions, type UserConfig } from 'vitepress'
import { braces, safeHtml, withoutCode } from './markdown.ts'
import { slug } from './slug.ts'

export interface SiteOptions {
  /** The path below which the site is served: `/` or `/docs/`. */
  readonly base: string
  /** Whether addresses are without `.html`. The server then has to add it. */
  readonly cleanUrls: boolean
  readonly outDir: string
  /** Whether only warnings are printed. */
  readonly quiet: boolean
  readonly nav: DefaultTheme.NavItem[]
  readonly sidebar: DefaultTheme.SidebarItem[]
}

/** The configuration of VitePress. Nothing in it makes a page ask another server for anything. */
export const siteConfig = ({ base, cleanUrls, outDir, quiet, nav, sidebar }: SiteOptions): UserConfig =>
  defineConfig({
    title: 'Strongroom',
    description: 'Web sessions in TypeScript: sealed at rest, opaque in the browser, revocable on every engine.',
    lang: 'en',
    base,
    cleanUrls,
    outDir,
    lastUpdated: false,
    // test/site follows every link, also those to headings, which VitePress does not look at.
    ignoreDeadLinks: true,
    head: [
      ['link', { rel: 'icon', href: `${base}icon.svg`, type: 'image/svg+xml' }],
      ['meta', { name: 'theme-color', content: '#155e52' }],
    ],
    markdown: markdown(base),
    // The search has all pages in one file, which is loaded when somebody searches.
    vite: { build: { chunkSizeWarningLimit: 8000 }, logLevel: quiet ? 'error' : 'warn' },
    themeConfig: {
      logo: { src: '/icon.svg', alt: '' },
      nav,
      sidebar,
      outline: { level: [2, 3], label: 'On this page' },
      search: {
        provider: 'local',
        options: { detailedView: false, _render: searchable, miniSearch: { searchOptions } },
      },
      docFooter: { prev: 'Before', next: 'Next' },
      externalLinkIcon: true,
    },
  })

const markdown = (base: string): MarkdownOptions => ({
  html: true,
  // Pages are written for GitHub, which has no attributes in braces.
  attrs: { disable: true },
  theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
  anchor: { slugify: slug },
  config(md) {
    const { rules } = md.renderer
    rules.html_inline = rules.html_block = (tokens, at) => safeHtml(tokens[at]?.content ?? '')
    const text = rules.text
    rules.text = (...args) => braces(text?.(...args) ?? '')
    const link = rules.link_open
    rules.link_open = (tokens, at, options, env, self) => {
      const href = tokens[at]?.attrGet('href') ?? ''
      // VitePress would take a file of data for a page, and add .html.
      if (!href.startsWith('/files/')) return link?.(tokens, at, options, env, self) ?? ''
      tokens[at]?.attrSet('href', base + href.slice(1))
      tokens[at]?.attrSet('download', '')
      return self.renderToken(tokens, at, options)
    }
    // Indented code looks and scrolls like code between fences.
    rules.code_block = (...args) => rules.fence?.(...args) ?? ''
    // A table that is wider than a phone scrolls within itself, by the keyboard too.
    rules.table_open = () => '<div class="table" tabindex="0" role="region" aria-label="Table"><table>\n'
    rules.table_close = () => '</table></div>\n'
  },
})

/** Guides before the reference, and titles before text. VitePress sends the function to the browser as its source. */
const searchOptions = {
  fuzzy: 0.2,
  prefix: true,
  boost: { title: 4, text: 2, titles: 1 },
  boostDocument: (id: string) => (id.includes('/reference/') ? 0.4 : 1),
}

/** What the search knows of a page: all but its blocks of code, which would double its size. */
function searchable(
  source: string,
  env: { frontmatter?: { search?: boolean } },
  md: { render(source: string, env: object): string },
): string {
  const html = md.render(withoutCode(source), env)
  return env.frontmatter?.search === false ? '' : html
}
