import { existsSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { parseEnv } from 'node:util'
import { readEnv } from '../environment.ts'
import { misuse } from '../failure.ts'
import { newSecret } from '../secrets.ts'
import { checkWritable, textOf, withLine, writeText } from './file.ts'

const SECRETS = 'STRONGROOM_SECRETS'
export const STORE = 'STRONGROOM_STORE'

/** Before anything is written, because the config would be written without its secret, or the other way round. */
export function checkFolder(file: string): void {
  const folder = dirname(file)
  if (!existsSync(folder)) throw misuse(`The folder ${folder} of --env does not exist, and nothing was changed.`)
  for (const each of [file, '.gitignore']) checkWritable(each)
}

/** Adds a new secret to an environment file, unless the file or the environment has one. Returns what was done. */
export function writeSecret(file: string): string {
  if (process.env[SECRETS]) return `Kept the secret in the environment (${SECRETS}).`
  if (valueIn(file, SECRETS)) return `Kept the secret in ${file}.`
  append(file, SECRETS, newSecret())
  return `Wrote a new secret to ${file}, readable only by you. It exists nowhere else: keep a copy where you keep your secrets.`
}

/** Adds the URL of the store to an environment file. Returns what was done. */
export function writeStore(file: string, url: string): string {
  if (currentStore(file)) return `Kept the URL of the store (${STORE}).`
  append(file, STORE, withoutQuotes(url))
  return `Wrote the URL of the store to ${file}, because it contains a password (${STORE}).`
}

/** Refuses to write a config that would open another store than the one that was asked for. */
export function checkStoreVariable(file: string, url: string): void {
  const current = currentStore(file)
  if (current && withoutQuotes(current) !== withoutQuotes(url))
    throw misuse(`${STORE} already has another URL, in the environment or in ${file}. Remove it first.`)
}

const currentStore = (file: string) => process.env[STORE] || valueIn(file, STORE)

function valueIn(file: string, name: string): string | undefined {
  return existsSync(file) ? readEnv(file, file)[name] : undefined
}

/** Percent-encoded: a quote in quotes ends the value for some programs, and not for others. */
const withoutQuotes = (url: string) => url.replaceAll("'", '%27').replaceAll('"', '%22').replaceAll('`', '%60')

function append(file: string, name: string, value: string): void {
  const text = withLine(textOf(file), `${name}=${/^[\w-]+$/.test(value) ? value : `'${value}'`}`)
  if (parseEnv(text)[name] !== value)
    throw misuse(
      `${name} was not written to ${file}, because it could not be read from it again. Does it have a quote that is never closed?`,
    )
  // Also a file that existed contains a secret now.
  writeText(file, text, 0o600)
}

/** Adds a file to .gitignore if the working directory is in a git repository. Returns what was done, or null. */
export function ignoreInGit(file: string): string | null {
  if (!isInRepository()) return null
  const path = relative(process.cwd(), file).split(sep).join('/')
  if (path.startsWith('..')) return `${file} is outside this folder: make sure that git ignores it.`
  const text = textOf('.gitignore')
  const lines = text.split('\n').map((line) => line.trim())
  if (lines.includes(path) || lines.includes(`/${path}`)) return null
  writeText('.gitignore', withLine(text, path))
  return `Added ${path} to .gitignore.`
}

function isInRepository(): boolean {
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    if (existsSync(join(folder, '.git'))) return true
    if (folder === dirname(folder)) return false
  }
}
