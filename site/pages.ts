import { globSync, readFileSync, statSync } from 'node:fs'
import { extname, join, posix } from 'node:path'
import { root } from '../scripts/packages.ts'
import { withoutComments, withTargets, withThemedPictures } from './markdown.ts'

/** Where the pages that are not in docs/ have their place on the site. */
const OTHERS: Readonly<Record<string, string>> = {
  'site/home.md': 'index.md',
  'README.md': 'overview.md',
  'docs/README.md': 'contents.md',
  'CHANGELOG.md': 'changes.md',
  'CONTRIBUTING.md': 'contributing.md',
  // Not security.md, which is another page.
  'SECURITY.md': 'security-policy.md',
}

/** A longer file is one of data, which nobody reads as a page: it is linked as it is. */
const LONGEST = 64 * 1024
const IMAGES = new Set(['.svg', '.png', '.webp'])

/** What the site is made of: by their paths on the site, pages of Markdown, and files that are copied from the repository. */
export interface Content {
  readonly pages: ReadonlyMap<string, string>
  readonly copies: ReadonlyMap<string, string>
}

/** Page of the repository → page of the site. Every file of docs/ is one. Throws when two would have the same place. */
export function placesOfPages(): ReadonlyMap<string, string> {
  const places = new Map(Object.entries(OTHERS))
  for (const file of globSync('docs/*.md', { cwd: root })
    .map((path) => path.replaceAll('\\', '/'))
    .sort())
    if (!places.has(file)) places.set(file, file.slice('docs/'.length))
  const taken = new Map<string, string>()
  for (const [file, place] of places) {
    const other = taken.get(place)
    if (other) throw new Error(`${file} and ${other} would both be ${place} on the site. Rename the first.`)
    taken.set(place, file)
  }
  return places
}

/** All pages but those of the reference, with `prepare` applied to each text before its links are followed. */
export function collect(prepare: (file: string, text: string) => string = (_, text) => text): Content {
  return new Collection(placesOfPages(), prepare).all()
}

class Collection {
  readonly #places: ReadonlyMap<string, string>
  readonly #prepare: (file: string, text: string) => string
  readonly #pages = new Map<string, string>()
  readonly #copies = new Map<string, string>()

  constructor(places: ReadonlyMap<string, string>, prepare: (file: string, text: string) => string) {
    this.#places = places
    this.#prepare = prepare
  }

  all(): Content {
    for (const [file, place] of this.#places) {
      const text = withoutComments(this.#prepare(file, readFileSync(join(root, file), 'utf8')))
      const linked = withTargets(withThemedPictures(text), (target) => this.#target(target, file, place))
      this.#pages.set(place, linked.trim() === '' ? linked : `${linked.trim()}\n`)
    }
    return { pages: this.#pages, copies: this.#copies }
  }

  /** What a link of `file` is on its page at `place`. */
  #target(target: string, file: string, place: string): string {
    if (/^(?:[a-z]+:|#|$)/.test(target)) return target
    const [path = '', anchor] = target.split('#')
    const to = posix.join(posix.dirname(file), path)
    const found = this.#places.get(to) ?? this.#file(to.replace(/\/$/, ''), file)
    if (found.startsWith('/')) return found
    const relative = posix.relative(posix.dirname(place), found)
    return `${relative.startsWith('.') ? '' : './'}${relative}${anchor === undefined ? '' : `#${anchor}`}`
  }

  /** The place of a file or folder that is no page: an image, a page that shows its source, or the file itself. */
  #file(path: string, from: string): string {
    const full = join(root, path)
    const stat = statSync(full, { throwIfNoEntry: false })
    if (!stat) throw new Error(`${from} leads to ${path}, which does not exist.`)
    if (IMAGES.has(extname(path))) return this.#copy(path, posix.join('images', posix.basename(path)))
    if (stat.isDirectory()) return this.#source(path, filesBelow(path))
    if (stat.size <= LONGEST) return this.#source(path, [path])
    this.#copy(path, posix.join('public', 'files', path))
    return `/files/${path}`
  }

  #copy(path: string, place: string): string {
    this.#copies.set(place, path)
    return place
  }

  #source(path: string, files: readonly string[]): string {
    const place = `source/${path}.md`
    if (!this.#pages.has(place)) this.#pages.set(place, sourcePage(path, files))
    return place
  }
}

/** The files of a folder, without what tools have built there. */
function filesBelow(folder: string): string[] {
  const all = globSync(`${folder}/**/*.{ts,tsx,js,mjs,cjs,json,vue,svelte,astro,html,css}`, {
    cwd: root,
    exclude: (path) => /(?:^|[\\/])(?:node_modules|dist|\.[^\\/]+)$/.test(path),
  })
  return all.map((path) => path.replaceAll('\\', '/')).sort()
}

function sourcePage(path: string, files: readonly string[]): string {
  const blocks = files.map((file) => {
    const code = readFileSync(join(root, file), 'utf8').trimEnd()
    const heading = file === path ? '' : `## ${file.slice(path.length + 1)}\n\n`
    return `${heading}\`\`\`\`${extname(file).slice(1)}\n${code}\n\`\`\`\`\n`
  })
  return `---\nsearch: false\neditLink: false\n---\n\n# ${path}\n\n${blocks.join('\n')}`
}
