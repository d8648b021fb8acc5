import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { messageOf, misuse } from './failure.ts'
import { note } from './output.ts'
import { exists } from './paths.ts'
import { readText } from './text.ts'

/** Reads `.env`, or the named file, into the environment. Variables that are already set win. */
export function loadEnv(folder: string, named: string | undefined): void {
  const path = named === undefined ? join(folder, '.env') : resolve(named)
  const name = named ?? '.env'
  if (!exists(path)) {
    if (named === undefined) return
    throw misuse(`${named} does not exist.`)
  }
  if (statSync(path).isDirectory()) {
    // Python's virtual environments are often called that.
    if (named === undefined) return
    throw misuse(`${named} is a folder, and not an environment file.`)
  }
  for (const [variable, value] of Object.entries(readEnv(path, name))) process.env[variable] ??= value
}

/** Reads the file that `--env` names, also where nothing may be needed from it: a name that is wrong must not go unnoticed. */
export function loadNamedEnv(named: string | undefined): void {
  if (named !== undefined) loadEnv(process.cwd(), named)
}

/** The variables in an environment file. Throws for one of ours whose value depends on who reads the file. */
export function readEnv(path: string, name: string): NodeJS.Dict<string> {
  let text: string
  try {
    text = readText(path)
  } catch (error) {
    throw misuse(`${name} could not be read: ${messageOf(error)}`, { cause: error })
  }
  const values = parseEnv(text)
  for (const variable of unclear(text, values)) {
    if (OURS.test(variable))
      throw misuse(
        `In ${name}, put the value of ${variable} in single quotes: without, programs disagree on where it ends.`,
      )
    note(`warning: in ${name}, the value of ${variable} was cut at a "#": put it in single quotes.`)
  }
  return values
}

const OURS = /^(?:STRONGROOM|DJANGO)_/

const ASSIGNMENT = /^[^\S\n]*(?:export[^\S\n]+)?([\w.-]+)[^\S\n]*=[^\S\n]*(.*)$/gm

/**
 * The variables whose value is cut in silence. What follows a "#" is a comment for some programs, and part of the value for others
 * unless a space comes first; a quote that is never closed is part of the value, and what follows a closing quote is lost.
 */
function* unclear(text: string, values: NodeJS.Dict<string>): Generator<string> {
  for (const [, name = '', rest = ''] of text.matchAll(ASSIGNMENT)) {
    const value = values[name]
    const raw = rest.trim()
    const [quote = ''] = raw
    if (value === undefined) continue
    const isCut = ['"', "'", '`'].includes(quote)
      ? value.startsWith(quote) ||
        (raw.startsWith(`${quote}${value}${quote}`) && /^[^\s#]/.test(raw.slice(value.length + 2)))
      : raw.includes('#') && value === raw.slice(0, raw.indexOf('#')).trim() && (OURS.test(name) || /\S#/.test(raw))
    if (isCut) yield name
  }
}
