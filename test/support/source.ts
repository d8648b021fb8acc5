/** What the rules know of a source: its syntax tree comes from the compiler, so that no way to write an import is missed. */
import { extname } from 'node:path'
import { type Node, type SourceFile, SyntaxKind } from 'typescript/unstable/ast'
import { createVirtualFileSystem } from 'typescript/unstable/fs'
import { API } from 'typescript/unstable/sync'
import { importIn, loaderIn } from './imports.ts'

export interface Source {
  /** The source with comments blanked and strings unchanged. It has the same length and lines. */
  readonly code: string
  /** The source with comments and the contents of strings and regular expressions blanked. */
  readonly bare: string
  readonly imports: readonly Import[]
  /** What may load a module that cannot be read here. */
  readonly loaders: readonly Loader[]
}

export interface Import {
  readonly specifier: string
  /** True when nothing is loaded at run time. For `import { type A }` it is false: under verbatimModuleSyntax the module is loaded. */
  readonly typeOnly: boolean
  readonly line: number
}

export interface Loader {
  /** `import.meta`, `require`, `eval`, … */
  readonly what: string
  readonly line: number
}

const files = createVirtualFileSystem({ '/none.ts': '' })
const cache = new Map<string, Source>()
let compiler: API | undefined
let batches = 0

/** All of them together, because the compiler takes as long for one file as for many. */
export function parseAll(sources: ReadonlyMap<string, string>): Map<string, Source> {
  const keyOf = (path: string, text: string) => `${extname(path)} ${text}`
  const missing = new Map<string, { name: string; text: string }>()
  const folder = `/${++batches}`
  for (const [path, text] of sources) {
    const key = keyOf(path, text)
    if (!cache.has(key)) missing.set(key, { name: `${folder}/${missing.size}${extname(path)}`, text })
  }
  if (missing.size > 0) {
    const fileOf = compile(folder, [...missing.values()])
    for (const [key, { name, text }] of missing) cache.set(key, read(fileOf(name), text))
  }
  return new Map([...sources].map(([path, text]) => [path, cache.get(keyOf(path, text)) as Source]))
}

export const parse = (path: string, text: string) => parseAll(new Map([[path, text]])).get(path) as Source

export function lineAt(text: string, at: number): number {
  return text.slice(0, at).split('\n').length
}

/** Parses a batch as a project of its own, in memory, without looking at any other file. */
function compile(folder: string, batch: readonly { name: string; text: string }[]): (name: string) => SourceFile {
  for (const { name, text } of batch) files.writeFile?.(name, text)
  const compilerOptions = { module: 'nodenext', allowJs: true, noLib: true, noResolve: true, types: [] }
  const config = `${folder}/tsconfig.json`
  files.writeFile?.(config, JSON.stringify({ compilerOptions, files: batch.map(({ name }) => name) }))
  // It ends with this process, because its standard input does.
  compiler ??= new API({ cwd: '/', fs: files })
  const project = compiler.updateSnapshot({ openProjects: [config] }).getProject(config)
  return (name) => {
    const file = project?.program.getSourceFile(name)
    if (!file) throw new Error(`The compiler did not read ${name}.`)
    return file
  }
}

function read(file: SourceFile, text: string): Source {
  const imports: Import[] = []
  const loaders: Loader[] = []
  const literals: { start: number; end: number; open: number; close: number }[] = []
  const visit = (node: Node): void => {
    const start = startOf(text, node)
    const line = () => lineAt(text, start)
    const marks = MARKS[node.kind]
    if (marks) literals.push({ start, end: node.end, open: marks[0], close: marks[1] })
    const found = importIn(node)
    if (found) imports.push({ ...found, line: line() })
    const what = loaderIn(node)
    if (what !== null) loaders.push({ what, line: line() })
    node.forEachChild(visit)
  }
  file.forEachChild(visit)
  const { code, bare, comments } = blank(text, literals)
  for (const { at, text: comment } of comments) {
    // Read by the compiler, or by editors, in some kinds of files.
    const [what] = /^\/\/\/\s*<[\w-]+|@import\b|\bimport\s*\(/.exec(comment) ?? []
    if (what) loaders.push({ what: `the comment ${what}`, line: lineAt(text, at) })
  }
  return { code, bare, imports, loaders }
}

/** How many characters of a literal stand at its ends: they are not blanked. */
const MARKS: Partial<Record<SyntaxKind, readonly [number, number]>> = {
  [SyntaxKind.StringLiteral]: [1, 1],
  [SyntaxKind.NoSubstitutionTemplateLiteral]: [1, 1],
  [SyntaxKind.TemplateHead]: [1, 2],
  [SyntaxKind.TemplateMiddle]: [1, 2],
  [SyntaxKind.TemplateTail]: [1, 1],
  [SyntaxKind.RegularExpressionLiteral]: [1, 1],
}

const TRIVIA = /(?:\s|\/\/[^\n\r\u2028\u2029]*|\/\*[\s\S]*?\*\/)*/y

/** A node begins with the spaces and comments before it. */
function startOf(text: string, node: Node): number {
  TRIVIA.lastIndex = node.pos
  TRIVIA.test(text)
  return TRIVIA.lastIndex
}

const COMMENT = /\/\/[^\n\r\u2028\u2029]*|\/\*[\s\S]*?\*\//g

/** Outside of literals, everything that begins like a comment is one. */
function blank(text: string, literals: readonly { start: number; end: number; open: number; close: number }[]) {
  let [code, bare, at] = ['', '', 0]
  const comments: { at: number; text: string }[] = []
  const between = (end: number) => {
    const piece = text.slice(at, end)
    for (const match of piece.matchAll(COMMENT)) comments.push({ at: at + match.index, text: match[0] })
    const without = piece.replace(COMMENT, spaces)
    code += without
    bare += without
  }
  for (const { start, end, open, close } of literals) {
    between(start)
    const literal = text.slice(start, end)
    code += literal
    bare += literal.slice(0, open) + spaces(literal.slice(open, -close)) + literal.slice(-close)
    at = end
  }
  between(text.length)
  return { code, bare, comments }
}

const spaces = (text: string) => text.replace(/[^\n]/g, ' ')
