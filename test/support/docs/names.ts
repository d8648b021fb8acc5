import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from '../../../scripts/packages.ts'

/** Names that a file exports, what it exports from other files included. */
export function exportsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  const own = [...text.matchAll(/^export (?:async )?(?:class|const|function|interface|type|abstract class) (\w+)/gm)]
  const lists = [...text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list = '']) => list.split(','))
  const all = [...text.matchAll(/^export (?:type )?\* from '(.+)'/gm)]
  return [
    ...own.map(([, name = '']) => name),
    ...lists.map((item) => /(\w+)\s*$/.exec(item)?.[1] ?? '').filter(Boolean),
    ...all.flatMap(([, from = '']) => exportsOf(join(dirname(file), from))),
  ].filter((name, index, names) => names.indexOf(name) === index)
}

/** Public members of an interface or class, read from its source. */
export function membersOf(file: string, type: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  const start = new RegExp(`(?:interface|class) ${type}\\b`).exec(text)
  if (!start) throw new Error(`${file} has no ${type}`)
  const body = text.slice(start.index, text.indexOf('\n}', start.index))
  // Two spaces of indentation: what stands deeper belongs to a member.
  const names = [...body.matchAll(/^ {2}(?:readonly |get )?(\w+)\??\s*[(:<]/gm)].map(([, name = '']) => name)
  return [...new Set(names)].filter((name) => name !== 'constructor')
}
