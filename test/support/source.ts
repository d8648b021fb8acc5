/** A parser for the rules, without a compiler. It is enough for code that Biome has formatted and tsc has accepted. */

export interface Source {
  /** The source with comments blanked and strings unchanged. It has the same length and lines. */
  readonly code: string
  /** The source with comments and the contents of strings and regular expressions blanked. */
  readonly bare: string
  readonly imports: readonly Import[]
}

export interface Import {
  readonly specifier: string
  /** True when nothing is loaded at run time. For `import { type A }` it is false: under verbatimModuleSyntax the module is loaded. */
  readonly typeOnly: boolean
  readonly line: number
}

const STATEMENT =
  /\b(?:import|export)\s+(?:(type)\s+(?!from\b))?(?:(?!\b(?:import|export)\b)[\w$*{}\s,])*?\bfrom\s*(['"])([^'"\n]+)\2/g
const EFFECT = /\bimport\s*(['"])([^'"\n]+)\1/g
const CALL = /(\btypeof\s+)?\b(?:import|require)\(\s*(['"])([^'"\n]+)\2\s*\)(\.[A-Z])?/g

export function parse(text: string): Source {
  const { code, bare } = blank(text)
  const imports: Import[] = []
  const add = (at: number, specifier: string | undefined, typeOnly: boolean) => {
    // A string that only looks like an import has no keyword left when strings are blanked.
    if (specifier && /^(import|export|require|typeof)/.test(bare.slice(at)))
      imports.push({ specifier, typeOnly, line: lineAt(text, at) })
  }
  for (const match of code.matchAll(STATEMENT)) add(match.index, match[3], match[1] === 'type')
  for (const match of code.matchAll(EFFECT)) add(match.index, match[2], false)
  // `import('./a.ts').Name` and `typeof import('./a.ts')` are types. A value is awaited before its members are used.
  for (const match of code.matchAll(CALL)) add(match.index, match[3], Boolean(match[1] || match[4]))
  return { code, bare, imports }
}

export function lineAt(text: string, at: number): number {
  return text.slice(0, at).split('\n').length
}

const REGEX_BEFORE = /(?:^|[(,=:[!&|?{};+*%<>~^-]|\b(?:return|typeof|case|in|of|await|yield|throw|void|else))\s*$/
const TOKEN =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\[\s\S]|[^'\\\n])*'|"(?:\\[\s\S]|[^"\\\n])*"|`|[{}]|\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/y

function blank(text: string): { code: string; bare: string } {
  let code = ''
  let bare = ''
  // One entry for each open `${`, with the number of braces that are open in it.
  const holes: number[] = []
  const emit = (piece: string, inCode: string, inBare: string) => {
    code += inCode
    bare += inBare
    at += piece.length
  }
  const template = () => {
    const piece = /(?:\\[\s\S]|\$(?!\{)|[^\\`$])*(?:`|\$\{)?/y
    piece.lastIndex = at
    const [found = ''] = piece.exec(text) ?? []
    const end = found.endsWith('${') ? 2 : 1
    emit(found, found, spaces(found.slice(0, -end)) + found.slice(-end))
    if (end === 2) holes.push(0)
  }
  let at = 0
  while (at < text.length) {
    TOKEN.lastIndex = at
    const piece = TOKEN.exec(text)?.[0] ?? (text[at] as string)
    const open = holes.length - 1
    if (piece.startsWith('//') || piece.startsWith('/*')) emit(piece, spaces(piece), spaces(piece))
    else if (piece.length > 1 && (piece[0] !== '/' || REGEX_BEFORE.test(bare.slice(-40))))
      emit(piece, piece, piece[0] + spaces(piece.slice(1, -1)) + piece.at(-1))
    else if (piece === '`') {
      emit(piece, piece, piece)
      template()
    } else if (piece === '}' && holes[open] === 0) {
      holes.pop()
      emit(piece, piece, piece)
      template()
    } else {
      if (piece === '{' && open >= 0) holes[open] = (holes[open] as number) + 1
      if (piece === '}' && open >= 0) holes[open] = (holes[open] as number) - 1
      emit(text[at] as string, text[at] as string, text[at] as string)
    }
  }
  return { code, bare }
}

const spaces = (text: string) => text.replace(/[^\n]/g, ' ')
