import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'

/** Keeps a file out of git, where there is a repository around the working directory; says what was done, or null. */
export function ignoreInGit(file: string): string | null {
  if (!isInRepository()) return null
  const path = relative(process.cwd(), file).split(sep).join('/')
  if (path.startsWith('..')) return `${file} is outside this folder: see that git ignores it.`
  const text = existsSync('.gitignore') ? readFileSync('.gitignore', 'utf8') : ''
  const lines = text.split('\n').map((line) => line.trim())
  if (lines.includes(path) || lines.includes(`/${path}`)) return null
  writeFileSync('.gitignore', `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${path}\n`)
  return `Added ${path} to .gitignore.`
}

function isInRepository(): boolean {
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    if (existsSync(join(folder, '.git'))) return true
    if (folder === dirname(folder)) return false
  }
}
