import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../../scripts/packages.ts'

/** One fenced block of a page, with what the hidden comments around it say. */
export interface Block {
  readonly page: string
  /** The line of its first line of code, from 1. */
  readonly line: number
  readonly language: string
  /** "fragment": checked by the compiler, and not run. */
  readonly info: string
  readonly code: string
  /** From `<!-- before … -->`: what the reader has seen already. Holds until the next one; an empty one ends it. */
  readonly before: string
  /** From `<!-- file path -->`: the file whose text the block shows. */
  readonly file: string | null
  /** From `<!-- try … -->` after the block: see conversation.ts. */
  readonly conversation: string | null
}

export interface Link {
  readonly line: number
  readonly target: string
}

export interface Page {
  readonly path: string
  readonly text: string
  readonly blocks: readonly Block[]
  readonly links: readonly Link[]
  /** What `#…` may name: the headings as GitHub spells them. */
  readonly anchors: ReadonlySet<string>
}

const FENCE = /^```(\w*) *(.*)$/
const COMMENT = /^<!-- *(before|try|file)\b *(.*)$/

export function readPage(path: string): Page {
  const text = readFileSync(join(root, path), 'utf8')
  const lines = text.split('\n')
  const blocks: Block[] = []
  const links: Link[] = []
  const anchors = new Set<string>()
  let [before, file] = ['', null as string | null]

  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] as string
    const fence = FENCE.exec(line)
    const comment = COMMENT.exec(line)
    if (fence) {
      const end = lines.indexOf('```', at + 1)
      if (end < 0) throw new Error(`${path}:${at + 1} opens a block that does not end`)
      const [language = '', info = ''] = fence.slice(1)
      const code = lines.slice(at + 1, end).join('\n')
      blocks.push({ page: path, line: at + 2, language, info, code, before, file, conversation: null })
      file = null
      at = end
    } else if (comment) {
      const end = lines.findIndex((each, index) => index >= at && each.includes('-->'))
      if (end < 0) throw new Error(`${path}:${at + 1} opens a comment that does not end`)
      const [kind, first = ''] = comment.slice(1)
      const body = [first, ...lines.slice(at + 1, end + 1)].join('\n').replace(/ *-->[\s\S]*$/, '')
      const last = blocks.at(-1)
      if (kind === 'before') before = body
      else if (kind === 'file') file = body
      else if (last) blocks[blocks.length - 1] = { ...last, conversation: body }
      at = end
    } else {
      const heading = /^#{1,6} +(.+)$/.exec(line)
      if (heading) anchors.add(slug(heading[1] as string, anchors))
      for (const [, target = '', image = ''] of line
        .replace(/`[^`]*`/g, '')
        .matchAll(/\]\(([^()\s]+)\)|\bsrc="([^"]+)"/g))
        links.push({ line: at + 1, target: target || image })
    }
  }
  return { path, text, blocks, links, anchors }
}

/** As GitHub does: lower case, punctuation dropped, spaces to hyphens, a number behind what was there before. */
function slug(heading: string, taken: ReadonlySet<string>): string {
  const plain = heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-')
  for (let count = 0; ; count++) {
    const name = count === 0 ? plain : `${plain}-${count}`
    if (!taken.has(name)) return name
  }
}

/**
 * A program that can be compiled and run, with every line of the block at the number that it has on its page.
 *
 * `value // → expected` asserts, `const name = value // → expected` too, and `call // → throws DataError` wants a rejection.
 */
export function toProgram({ before, code, line }: Pick<Block, 'before' | 'code' | 'line'>): string {
  const head = before.trim() === '' ? [] : before.trim().split('\n')
  const padding = Array.from({ length: line - 1 - head.length }, () => '')
  return [...head, ...padding, ...code.split('\n').map(asserted), 'export {}', ''].join('\n')
}

function asserted(line: string): string {
  const [, indent = '', statement = '', expected = ''] = /^(\s*)(\S.*?)\s*\/\/ → (.+)$/.exec(line) ?? []
  if (expected === '') return line
  const thrown = /^throws (\w+)$/.exec(expected)
  if (thrown) return `${indent}await __throws(async () => { ${statement} }, '${thrown[1]}')`
  const name = /^(?:const|let) (\w+)/.exec(statement)?.[1]
  return name ? `${indent}${statement}; __is(${name}, ${expected})` : `${indent}__is(${statement}, ${expected})`
}
