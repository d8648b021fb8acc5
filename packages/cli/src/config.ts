import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type BaseSessions, createSessions } from 'strongroom'
import { type AnyUser, placeOf } from 'strongroom/internal'
import { messageOf, misuse } from './failure.ts'
import { note } from './output.ts'

export interface StoreOptions {
  readonly config?: string
  readonly store?: string
  readonly env?: string
}

/** What a config exports; what `of` can do depends on its store. */
export type AnySessions = BaseSessions<Record<string, unknown>> & { of(userId: string): AnyUser }

/**
 * What a verb needs. `keys`: a user's sessions are found by a tag made with the keys. `store`: sweeping, counting and ending
 * need no key, so that whoever runs them need not hold one.
 */
export type Need = 'keys' | 'store'

export const CONFIGS = ['ts', 'mts', 'js', 'mjs'].map((type) => `strongroom.config.${type}`)

/** Opens what the options name, works with it, and closes what was opened. */
export async function withSessions(
  options: StoreOptions,
  need: Need,
  work: (sessions: AnySessions) => Promise<void>,
): Promise<void> {
  const sessions = await openSessions(options, need)
  try {
    if (sessions.policy.traits.shared === 'process')
      note(
        `the ${sessions.policy.engine} store is this process's own: sessions of a running application are not in it.`,
      )
    await work(sessions)
  } finally {
    await sessions.close()
  }
}

async function openSessions(options: StoreOptions, need: Need): Promise<AnySessions> {
  if (options.store === undefined) return loadConfig(options)
  if (need === 'keys') loadEnv(process.cwd(), options.env)
  const secrets = process.env.STRONGROOM_SECRETS
  if (need === 'keys' && !secrets)
    throw misuse(
      'This verb needs the keys of the application: set STRONGROOM_SECRETS, put it into .env, or use a config.',
    )
  const place = placeOf(options.store)
  if (place !== null && !existsSync(place)) throw misuse(`There is no ${place}; nothing was made.`)
  // Without need for keys: a ring that opens nothing.
  const ring = need === 'keys' && secrets ? secrets : randomBytes(32)
  return createSessions({ store: options.store, secrets: ring }) as AnySessions
}

/** The config that is named, or the one in the working directory; null when there is none. */
export function findConfig({ config }: StoreOptions): string | null {
  if (config !== undefined) {
    if (existsSync(config)) return resolve(config)
    throw misuse(`There is no ${config}.`)
  }
  const [found, other] = CONFIGS.filter((name) => existsSync(name))
  if (found && other) throw misuse(`Both ${found} and ${other} are here. Say which with --config.`)
  return found ? resolve(found) : null
}

async function loadConfig(options: StoreOptions): Promise<AnySessions> {
  const path = findConfig(options)
  if (!path)
    throw misuse(`There is no ${CONFIGS[0]} here. Make one with strongroom init, or use --config FILE or --store URL.`)
  const name = basename(path)
  if (/^\.[cm]?ts$/.test(extname(path)) && !process.features.typescript)
    throw misuse(
      `${name} needs a Node that runs TypeScript (22.18 or later does), and ${process.version} here does not. Use one, or write the config as strongroom.config.mjs.`,
    )
  loadEnv(dirname(path), options.env)
  // The paths in a config mean what they mean to the application, which starts from the folder of its config.
  process.chdir(dirname(path))
  const sessions = (await exportsOf(path, name)).find(isSessions)
  if (sessions) return sessions
  throw misuse(`${name} exports no sessions. Write: export default createSessions({ … })`)
}

/** Default export and `sessions`, awaited; a CommonJS module has both of them below its default. */
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
    (verb) => typeof (value as Record<string, unknown>)[verb] === 'function',
  )
}

/** Reads `.env` into the environment, which wins over it. */
export function loadEnv(folder: string, named: string | undefined): void {
  const path = named === undefined ? join(folder, '.env') : resolve(named)
  if (!existsSync(path)) {
    if (named === undefined) return
    throw misuse(`There is no ${named}.`)
  }
  try {
    process.loadEnvFile(path)
  } catch (error) {
    throw misuse(`${named ?? '.env'} could not be read: ${messageOf(error)}`, { cause: error })
  }
}
