import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Router } from 'express'
import { showPage } from '../reply.ts'
import type { Site } from '../site.ts'
import { documentationView } from '../views/documentation.ts'
import { errorPage } from './error.ts'

const FOLDER = new URL('../../docs/', import.meta.url)

/** The pages of the documentation that attacks link to, from this clone: the demo needs no network. */
export function documentationPages(site: Site): Router {
  return Router().get('/docs/:name', async (request, response) => {
    const { name } = request.params
    // A name, and never a path.
    const text = /^[a-z0-9-]+\.md$/i.test(name) ? await textOf(name) : null
    if (text === null) return errorPage(response, 404, 'The documentation has no such page.')
    const section = sectionOf(text, request.query.section)
    return showPage(site, request, response, { title: name, body: () => documentationView({ name, text, section }) })
  })
}

const textOf = (name: string) => readFile(fileURLToPath(new URL(name, FOLDER)), 'utf8').catch(() => null)

/** From the heading with this anchor to the next one of the same level; null if there is none. */
export function sectionOf(text: string, anchor: unknown): string | null {
  const lines = text.split('\n')
  const start = lines.findIndex((line) => /^#+ /.test(line) && anchorOf(line) === anchor)
  if (start < 0) return null
  const level = /^#+/.exec(lines[start] ?? '')?.[0].length ?? 1
  const next = lines.findIndex((line, i) => i > start && (/^#+(?= )/.exec(line)?.[0].length ?? 9) <= level)
  return lines.slice(start, next < 0 ? undefined : next).join('\n')
}

/** As GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading
    .replace(/^#+ /, '')
    .toLowerCase()
    .replace(/[^\w\s-]/g, '')
    .trim()
    .replaceAll(' ', '-')
