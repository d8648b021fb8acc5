import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from '../../../scripts/packages.ts'

export interface Citation {
  readonly file: string
  readonly title: string
}

/** Every `test/….test.ts` that a page names, with each "title" that follows it up to the end of the line or the next file. */
export function citations(text: string): Citation[] {
  return text.split('\n').flatMap((line) =>
    line.split(/(?=`test\/[\w./-]+\.test\.ts`)/).flatMap((part) => {
      const file = /^`(test\/[\w./-]+\.test\.ts)`/.exec(part)?.[1]
      return file ? [...part.matchAll(/"([^"]+)"/g)].map(([, title = '']) => ({ file, title })) : []
    }),
  )
}

const known = new Map<string, ReadonlySet<string>>()

/** Titles of tests in a file, in the files beside it that it loads, and in the suites that it calls. */
export function titlesOf(file: string): ReadonlySet<string> {
  let titles = known.get(file)
  if (!titles) {
    // For files that load each other.
    known.set(file, new Set())
    titles = existsSync(join(root, file)) ? readTitles(file) : new Set()
    known.set(file, titles)
  }
  return titles
}

function readTitles(file: string): ReadonlySet<string> {
  const text = readFileSync(join(root, file), 'utf8')
  const parts = [...text.matchAll(/^import (?:.+ from )?'(\.\/.+)'/gm)].flatMap(([, path = '']) => [
    ...titlesOf(join(dirname(file), path)),
  ])
  const suites = (['store', 'adapter'] as const).filter((kind) => text.includes(`${kind}Suite(`))
  const sources = suites.flatMap((kind) => globSync(`packages/strongroom/src/testing/${kind}/*.ts`, { cwd: root }))
  const all = [text, ...sources.map((source) => readFileSync(join(root, source), 'utf8'))]
  return new Set([...parts, ...all.flatMap(titlesIn)])
}

const TITLE =
  /\b(?:test|it|suite|describe|property|keeps|ofOwner|scans|property\.of)\(\s*(?:\w+,\s*|'\w+',\s*)?(?:'((?:\\.|[^'\\\n])+)'|"((?:\\.|[^"\\\n])+)"|`((?:\\.|[^`\\])+)`)/g

const titlesIn = (text: string) =>
  [...text.matchAll(TITLE)].map(([, single, double, template]) =>
    (single ?? double ?? template ?? '').replace(/\\(.)/g, '$1'),
  )
