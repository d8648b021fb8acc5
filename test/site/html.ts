import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A built page: what it leads to, and what can be led to in it. */
export interface HtmlPage {
  /** From the folder of the site, with forward slashes. */
  readonly path: string
  readonly html: string
  readonly ids: ReadonlySet<string>
  /** Of links, pictures, scripts and style sheets, without entities. */
  readonly targets: readonly string[]
}

export function readSite(folder: string): ReadonlyMap<string, HtmlPage> {
  const paths = globSync('**/*.html', { cwd: folder }).map((path) => path.replaceAll('\\', '/'))
  return new Map(paths.sort().map((path) => [path, read(path, readFileSync(join(folder, path), 'utf8'))]))
}

function read(path: string, html: string): HtmlPage {
  // What a block of code shows is no tag: its angle brackets are entities.
  const attributes = (name: string) =>
    [...html.matchAll(new RegExp(`<[a-z][^>]*? ${name}="([^"]*)"`, 'g'))].map(([, value = '']) => decode(value))
  return { path, html, ids: new Set(attributes('id')), targets: [...attributes('href'), ...attributes('src')] }
}

const decode = (text: string) =>
  text.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')
