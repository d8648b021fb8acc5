import { cpSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { packages, root } from '../packages.ts'

/**
 * Copies everything that the tests run from into a temporary folder, so that no mutation touches the working tree. Returns
 * the folder.
 */
export function copyRepository(): string {
  const copy = mkdtempSync(join(tmpdir(), 'strongroom-mutation-'))
  const folders = ['packages', 'test', 'bench', 'scripts', 'docs', 'demo', 'examples']
  for (const name of [...folders, 'package.json', 'tsconfig.json', 'README.md', 'SECURITY.md'])
    cpSync(join(root, name), join(copy, name), { recursive: true })
  // What it has built is large, and its own modules are linked.
  const isSource = (path: string) => !/[\\/](?:node_modules|dist|\.build)$/.test(path)
  cpSync(join(root, 'site'), join(copy, 'site'), { recursive: true, filter: isSource })
  symlinkSync(join(root, 'site', 'node_modules'), join(copy, 'site', 'node_modules'))
  linkModules(copy)
  return copy
}

/**
 * Our own packages must resolve to the copy. A link to the whole of node_modules would lead back to the original sources,
 * and a mutation in one package would never reach the code of another.
 */
function linkModules(copy: string): void {
  const own = new Map(packages.map(({ folder, manifest }) => [manifest.name, join(copy, folder)]))
  for (const name of installed(join(root, 'node_modules'))) {
    const link = join(copy, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(own.get(name) ?? join(root, 'node_modules', name), link)
  }
}

/** Names as imports write them: "pg", "@hono/node-server". */
const installed = (folder: string): string[] =>
  readdirSync(folder).flatMap((name) =>
    name.startsWith('@') ? readdirSync(join(folder, name)).map((inScope) => `${name}/${inScope}`) : [name],
  )
