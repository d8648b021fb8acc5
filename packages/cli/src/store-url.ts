import { readFileSync } from 'node:fs'
import { loadEnv } from './environment.ts'
import { messageOf, misuse } from './failure.ts'
import { note } from './output.ts'
import { answerTo, clack } from './prompts.ts'

/** How a URL is given to an option. A password is not safe among the arguments of a command, which other users can read. */
export interface GivenUrl {
  /** The option, such as "--store". */
  readonly option: string
  readonly given: string
  /** The environment file that the options name. */
  readonly env?: string | undefined
}

/**
 * The URL itself: `env:NAME` is that variable, `@FILE` the content of that file, and `-` asks for it, or reads a line of standard
 * input.
 */
export async function resolveUrl({ option, given, env }: GivenUrl): Promise<string> {
  const url = (await sourceOf(given, option, env)).trim()
  if (url === '') throw misuse(`There is no URL in what ${option} names.`)
  if (url === given.trim() && hasPassword(url))
    note(
      `warning: other users of this machine can read the password in the arguments of a command. Put the URL into STRONGROOM_STORE, or into a file, and write ${option} env:STRONGROOM_STORE, or ${option} @FILE.`,
    )
  return url
}

async function sourceOf(given: string, option: string, env: string | undefined): Promise<string> {
  if (given === '-') return process.stdin.isTTY ? ask(option) : nextLine(option)
  const [, name, file] = /^(?:env:(.*)|@(.*))$/s.exec(given) ?? []
  if (name !== undefined) return variable(name, env)
  return file === undefined ? given : contentOf(file, option)
}

function variable(name: string, env: string | undefined): string {
  if (!/^\w+$/.test(name)) throw misuse('After env: comes the name of an environment variable, as in env:DATABASE_URL.')
  loadEnv(process.cwd(), env)
  const value = process.env[name]
  if (value) return value
  throw misuse(`The environment variable ${name} is not set, and .env does not set it either.`)
}

function contentOf(file: string, option: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw misuse(`The file that ${option} names could not be read: ${messageOf(error)}`, { cause: error })
  }
}

async function ask(option: string): Promise<string> {
  const { password } = await clack()
  // On stderr, because stdout may be the result.
  return answerTo(password({ message: `The URL for ${option}`, output: process.stderr }))
}

let lines: string[] | null = null

/** Several options may each take a line. */
function nextLine(option: string): string {
  lines ??= readFileSync(0, 'utf8').split('\n')
  const line = lines.shift()
  if (line) return line
  throw misuse(`Standard input has no line for ${option}.`)
}

/** Where the programs of each server look for a password. pg looks into PGPASSWORD and ~/.pgpass by itself. */
const PASSWORDS = [
  [/^(?:(?:django|express)\+)?(?:mysql|mariadb):/i, ['MYSQL_PWD']],
  [/^(?:(?:django|express)\+)?(?:redis|valkey)s?(?:-cache)?(?:\+\w+)?:/i, ['REDISCLI_AUTH', 'VALKEYCLI_AUTH']],
] as const

/** What follows is for another login, such as that of a Sentinel, or no password at all. */
const PASSWORD_OF_USER = /^[^:]*:\/\/[^@/?#]*:[^@/?#]*@/

/** The URL of a store or of a cache within another URL, whose password is its own. */
const INNER = /([?&](?:cache|durable|from|to|revocations)=)([^&#]*)/g

/**
 * With the passwords that a URL for a driver, and those within it, leave out, if they are where the server's own client would look
 * for them.
 */
export function withPassword(given: string): string {
  const url = given.replace(INNER, (_, name: string, inner: string) => name + withInnerPassword(inner))
  const [, names = []] = PASSWORDS.find(([scheme]) => scheme.test(url)) ?? []
  const password = names.map((name) => process.env[name]).find(Boolean)
  if (!password || PASSWORD_OF_USER.test(url)) return url
  return url.replace(/:\/\/(?:([^@/?#]*)@)?/, (_, user = '') => `://${user}:${encodeURIComponent(password)}@`)
}

/** Read as it is where the URL is parsed: a "+" that is not encoded is a space. */
function withInnerPassword(encoded: string): string {
  const url = new URLSearchParams(`url=${encoded}`).get('url') ?? ''
  const complete = withPassword(url)
  return complete === url ? encoded : encodeURIComponent(complete)
}

/**
 * Is there a password in the URL, or in one that it contains, as cached:?durable=… does? One that is not encoded may contain any
 * character, so in doubt there is one.
 */
export function hasPassword(url: string): boolean {
  if (/:\/\/[^@?]*:[^@]*@|[?&]\w*password\w*=./i.test(url)) return true
  const inner = new URLSearchParams(url.split('?').slice(1).join('?'))
  return [...inner.values()].some((value) => value.includes(':') && hasPassword(value))
}
