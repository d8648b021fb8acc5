/**
 * `npm run docs` builds the documentation site into site/dist. Options: `--base /docs/` for a site below a path, `--clean-urls` for a
 * server that adds `.html` itself, `--out FOLDER`, and `--serve` (with `--port`) to look at it.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, posix, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { build, serve } from 'vitepress'
import { root } from '../scripts/packages.ts'
import type { SiteOptions } from './config.ts'
import { fillHome } from './home.ts'
import { readNavigation, type Section } from './navigation.ts'
import { collect, placesOfPages } from './pages.ts'
import { type Export, referencePages } from './reference.ts'
import { menus } from './sidebar.ts'

export interface BuildOptions {
  /** The path below which the site is served. Default `/`. */
  readonly base?: string
  /** Addresses without `.html`. Default false. */
  readonly cleanUrls?: boolean
  /** The folder to write. Default site/dist. */
  readonly out?: string
  /** The name of the folder below site/.build in which VitePress works, so that two builds do not disturb each other. */
  readonly stage?: string
  /** Whether VitePress says only what is wrong. */
  readonly quiet?: boolean
}

export interface Built {
  readonly out: string
  /** Where VitePress worked. */
  readonly stage: string
  readonly sections: readonly Section[]
  readonly exports: readonly Export[]
  /** Page of the repository → page of the site. */
  readonly places: ReadonlyMap<string, string>
}

/** Builds the site. Asks no other machine for anything. */
export async function buildSite({
  base = '/',
  cleanUrls = false,
  out,
  stage = 'site',
  quiet = false,
}: BuildOptions = {}): Promise<Built> {
  const outDir = resolve(out ?? join(root, 'site', 'dist'))
  const folder = join(root, 'site', '.build', stage)
  rmSync(folder, { recursive: true, force: true })
  const put = (file: string, text: string) => {
    const path = join(folder, file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  const sections = readNavigation(readFileSync(join(root, 'docs', 'README.md'), 'utf8'))
  const places = placesOfPages()
  const content = collect((file, text) => (file === 'site/home.md' ? fillHome(text, sections) : text))
  for (const [place, text] of content.pages) put(place, text)
  for (const [place, file] of content.copies) cpSync(join(root, file), join(folder, place))
  cpSync(join(root, 'packages/studio/assets/icon.svg'), join(folder, 'public', 'icon.svg'))

  const reference = await referencePages(join(folder, 'reference'))
  const { nav, sidebar } = menus(sections, places, reference.pages)
  const options: SiteOptions = { base, cleanUrls, quiet, outDir, nav, sidebar }
  const toSite = (file: string) =>
    posix.join(relative(join(folder, '.vitepress'), join(root, 'site')).replaceAll('\\', '/'), file)
  put(
    '.vitepress/config.ts',
    `import { siteConfig } from '${toSite('config.ts')}'\nexport default siteConfig(${JSON.stringify(options)})\n`,
  )
  put('.vitepress/theme/index.ts', `export { default } from '../${toSite('theme/index.ts')}'\n`)
  await build(folder)
  return { out: outDir, stage: folder, sections, exports: reference.exports, places }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      base: { type: 'string', default: '/' },
      'clean-urls': { type: 'boolean', default: false },
      out: { type: 'string' },
      port: { type: 'string', default: '4173' },
      serve: { type: 'boolean', default: false },
    },
  })
  const { base, out, port } = values
  if (!/^\/(?:.*\/)?$/.test(base))
    throw new Error(`--base is "${base}". It begins and ends with a slash, as in /docs/.`)
  const built = await buildSite({ base, cleanUrls: values['clean-urls'], ...(out !== undefined && { out }) })
  console.log(`The site is in ${relative(process.cwd(), built.out)}.`)
  if (values.serve) await serve({ root: built.stage, base, port: Number(port) })
}
