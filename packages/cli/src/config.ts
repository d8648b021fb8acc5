import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type BaseSessions, createSessions, type Traits } from 'strongroom'
import { type AnyUser, pathInUrl } from 'strongroom/internal'
import { messageOf, misuse } from './failure.ts'
import { sessionCount } from './format.ts'
import { note } from './output.ts'

export interface StoreOptions {
  readonly config?: string
  readonly store?: string
  readonly env?: string
  readonly namespace?: string
}

/** What a config exports. What `of` can do depends on its store. */
export type AnySessions = BaseSessions<Record<string, unknown>> & { of(userId: string): AnyUser }

/**
 * What a command needs beside the store. `namespace`: to tell the application's sessions from those of another one in the same store.
 * `keys`: a user's sessions are found by a tag that is made with them. Counting, ending and sweeping sessions need no key, so the
 * people who run these commands need not have it.
 */
export type Need = 'namespace' | 'keys'

export const CONFIGS = ['ts', 'mts', 'js', 'mjs'].map((type) => `strongroom.config.${type}`)

/** Opens the sessions that the options name, does the work, and closes them. */
export async function withSessions(
  options: StoreOptions,
  needs: readonly Need[],
  work: (sessions: AnySessions) => Promise<void>,
): Promise<void> {
  const sessions = await openSessions(options, needs)
  try {
    if (sessions.policy.traits.shared === 'process')
      note(
        `a ${sessions.policy.engine} store belongs to one process: the sessions of a running application are not in it.`,
      )
    await work(sessions)
    // Afterwards, because an error is one line.
    if (needs.includes('namespace') && options.store !== undefined && options.namespace === undefined)
      noteNamespace(sessions)
  } finally {
    await sessions.close()
  }
}

async function openSessions(options: StoreOptions, needs: readonly Need[]): Promise<AnySessions> {
  const { namespace } = options
  if (options.store === undefined) {
    if (namespace !== undefined)
      throw misuse('--namespace is for --store: a config has the namespace of its application.')
    return loadConfig(options)
  }
  const needsKeys = needs.includes('keys')
  if (needsKeys) loadEnv(process.cwd(), options.env)
  const secrets = process.env.STRONGROOM_SECRETS
  if (needsKeys && !secrets)
    throw misuse("This command needs the application's keys: set STRONGROOM_SECRETS, add it to .env, or use a config.")
  checkPath(pathInUrl(options.store))
  // A command that needs no keys gets a ring that opens nothing.
  const ring = needsKeys && secrets ? secrets : randomBytes(32)
  return createSessions({ store: options.store, secrets: ring, namespace }) as AnySessions
}

/** An application with another cookie name or namespace has its sessions elsewhere, and nothing in the store says so. */
export const noteNamespace = ({ policy }: AnySessions) =>
  note(`in the namespace ${policy.cookieName}; --namespace names another.`)

/** " (namespace __Host-id)", for a sentence about what was found there. "" with a config, which has the right one. */
export const inNamespace = ({ store, namespace }: StoreOptions, { policy }: AnySessions) =>
  store === undefined ? '' : ` (namespace ${namespace ?? policy.cookieName})`

/** For numbers that are those of one namespace: nobody must read that there are no sessions while there are. */
export const othersNotCounted = (count: number) =>
  `${sessionCount(count)} of other namespaces ${count === 1 ? 'is' : 'are'} not counted.`

/** A store would create what is missing: a mistyped path must not become an empty store. */
export function checkPath(path: string | null): void {
  if (path !== null && !existsSync(path)) throw misuse(`${path} does not exist, and nothing was created.`)
}

/** Refuses a store that only the process which made it can use. */
export function checkShared({ engine, shared }: Traits): void {
  if (shared !== 'process') return
  throw misuse(`A ${engine} store belongs to one process: sessions cannot be moved into it or out of it from here.`)
}

/** The config that is named, or the one in the working directory; null when there is none. */
export function findConfig({ config }: StoreOptions): string | null {
  if (config !== undefined) {
    if (existsSync(config)) return resolve(config)
    throw misuse(`${config} does not exist.`)
  }
  const [found, other] = CONFIGS.filter((name) => existsSync(name))
  if (found && other) throw misuse(`Both ${found} and ${other} are in this folder. Choose one with --config.`)
  return found ? resolve(found) : null
}

async function loadConfig(options: StoreOptions): Promise<AnySessions> {
  const path = findConfig(options)
  if (!path)
    throw misuse(
      `There is no ${CONFIGS[0]} in this folder. Make one with npx @strongroom/cli init, or use --config FILE or --store URL.`,
    )
  const name = basename(path)
  if (/^\.[cm]?ts$/.test(extname(path)) && !process.features.typescript)
    throw misuse(
      `${name} needs a Node that runs TypeScript, such as 22.18 or later. This is ${process.version}: use a later one, or write the config as strongroom.config.mjs.`,
    )
  loadEnv(dirname(path), options.env)
  // Relative paths in a config mean what they mean to the application, which starts in the folder of its config.
  process.chdir(dirname(path))
  const sessions = (await exportsOf(path, name)).find(isSessions)
  if (sessions) return sessions
  throw misuse(`${name} exports no sessions. Write: export default createSessions({ … })`)
}

/** The default export and `sessions`, awaited. A CommonJS module has both below its default. */
async function exportsOf(path: string, name: string): Promise<unknown[]> {
  try {
    const { default: first, sessions } = await import(pathToFileURL(path).href)
    return await Promise.all([first, sessions, first?.default, first?.sessions])
  } catch (error) {
    throw misuse(`${name} could not be loaded: ${messageOf(error)}`, { cause: error })
  }
}

function isSessions(value: unknown): value is AnySessions {
  if (typeof value !== 'object' || value === null || !('policy' in value)) return false
  return ['clearExpired', 'stats', 'find', 'revoke', 'keys', 'close'].every(
    (method) => typeof (value as Record<string, unknown>)[method] === 'function',
  )
}

/** Reads `.env`, or the named file, into the environment. Variables that are already set win. */
export function loadEnv(folder: string, named: string | undefined): void {
  const path = named === undefined ? join(folder, '.env') : resolve(named)
  if (!existsSync(path)) {
    if (named === undefined) return
    throw misuse(`${named} does not exist.`)
  }
  try {
    process.loadEnvFile(path)
  } catch (error) {
    throw misuse(`${named ?? '.env'} could not be read: ${messageOf(error)}`, { cause: error })
  }
}
