import { randomBytes } from 'node:crypto'
import { basename, dirname, extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type BaseSessions, createSessions, type Traits } from 'strongroom'
import { type AnyUser, localStoresIn } from 'strongroom/internal'
import { loadEnv, loadNamedEnv } from './environment.ts'
import { messageWithoutQuotes, misuse } from './failure.ts'
import { sessionCount } from './format.ts'
import { checkLocalStores } from './local-store.ts'
import { note } from './output.ts'
import { checkPath, exists } from './paths.ts'
import { resolveUrl, withPassword } from './store-url.ts'

export interface StoreOptions {
  readonly config?: string
  readonly store?: string
  readonly env?: string
  readonly namespace?: string
}

/** What a config exports. What `of` can do depends on its store. */
export type AnySessions = BaseSessions<Record<string, unknown>> & { of(userId: string): AnyUser }

/**
 * What a command needs. `store`: sweeping, counting and ending sessions need no key, so the people who run these commands need not have
 * it. `namespace`: to tell the application's sessions from those of another one in the same store. `keys`: a user's sessions are
 * found by a tag that is made with them, and records are opened with them. `schema`: the command makes what a store is missing.
 */
export type Need = 'store' | 'namespace' | 'keys' | 'schema'

export const CONFIGS = ['ts', 'mts', 'js', 'mjs'].map((type) => `strongroom.config.${type}`)

/** Opens the sessions that the options name, does the work, and closes them. */
export async function withSessions(
  options: StoreOptions,
  needs: readonly Need[],
  work: (sessions: AnySessions) => Promise<void>,
): Promise<void> {
  await withSessionsAt(await storeUrl(options), { ...options, needs }, work)
}

/** The same, for a command that had to look at the URL first: `storeUrl` may ask, or take a line of standard input. */
export async function withSessionsAt(
  url: string | null,
  { needs, ...options }: StoreOptions & { readonly needs: readonly Need[] },
  work: (sessions: AnySessions) => Promise<void>,
): Promise<void> {
  const sessions = url === null ? await loadConfig(options) : openUrl(url, options, needs)
  try {
    if (needs.includes('store')) checkShared(sessions.policy.traits)
    await work(sessions)
    // Afterwards, because an error is one line.
    if (needs.includes('namespace') && url !== null && options.namespace === undefined) noteNamespace(sessions)
  } finally {
    await sessions.close()
  }
}

/** The URL of --store; without it and without a config, the one in STRONGROOM_STORE. Null for a config. */
export async function storeUrl({ store, env, ...options }: StoreOptions): Promise<string | null> {
  if (store !== undefined) loadNamedEnv(env)
  if (store !== undefined) return withPassword(await resolveUrl({ option: '--store', given: store, env }))
  if (findConfig(options)) return null
  loadEnv(process.cwd(), env)
  const url = process.env[STORE]?.trim()
  return url ? withPassword(url) : null
}

const STORE = 'STRONGROOM_STORE'

function openUrl(url: string, { env, namespace }: StoreOptions, needs: readonly Need[]): AnySessions {
  if (needs.includes('store') && !needs.includes('schema')) checkLocalStores(url)
  else for (const { path } of localStoresIn(url)) checkPath(path)
  // A command that needs no keys gets a ring that opens nothing.
  const secrets = needs.includes('keys') ? secretsFrom(env) : randomBytes(32)
  return createSessions({ store: url, secrets, namespace }) as AnySessions
}

/** The application's secrets. Without them a command would find nothing, and report that as its result. */
export function secretsFrom(env: string | undefined): string {
  loadEnv(process.cwd(), env)
  const secrets = process.env.STRONGROOM_SECRETS
  if (secrets) return secrets
  throw misuse(
    `This command needs the application's keys: set STRONGROOM_SECRETS, add it to .env, or use a config.${CRON}`,
  )
}

const CRON = ' (cron and sudo do not pass on the variables of your shell: name a file with --env.)'

const namespaceOf = ({ namespace, cookieName }: AnySessions['policy']) => namespace ?? cookieName

/** An application with another cookie name or namespace has its sessions elsewhere, and nothing in the store says so. */
export const noteNamespace = ({ policy }: AnySessions, more = '') =>
  note(`in the namespace ${namespaceOf(policy)}; --namespace names another.${more && ` ${more}`}`)

/** " (namespace __Host-id)", for a sentence about what was found there. "" with a config, which has the right one. */
export const inNamespace = (options: StoreOptions, { policy }: AnySessions) =>
  options.store === undefined && findConfig(options) ? '' : ` (namespace ${options.namespace ?? namespaceOf(policy)})`

/** For numbers that are those of one namespace: nobody must read that there are no sessions while there are. */
export const othersNotCounted = (count: number) =>
  `${sessionCount(count)} of other namespaces ${count === 1 ? 'is' : 'are'} not counted.`

/** Refuses a store that only the process which made it can use: in ours it is empty, and every result would be wrong. */
export function checkShared({ engine, shared }: Traits): void {
  if (shared !== 'process') return
  throw misuse(
    `A ${engine === 'memory' ? '' : `${engine} `}store in memory belongs to one process: the sessions of a running application cannot be reached from here. Name the store that the application uses.`,
  )
}

/** The config that is named, or the one in the working directory; null when there is none. */
export function findConfig({ config }: StoreOptions): string | null {
  if (config !== undefined) {
    if (exists(config)) return resolve(config)
    throw misuse(`${config} does not exist.`)
  }
  const [found, other] = CONFIGS.filter(exists)
  if (found && other) throw misuse(`Both ${found} and ${other} are in this folder. Choose one with --config.`)
  return found ? resolve(found) : null
}

async function loadConfig(options: StoreOptions): Promise<AnySessions> {
  const path = findConfig(options)
  if (options.namespace !== undefined)
    throw misuse('--namespace is for --store: a config has the namespace of its application.')
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
  if (!sessions)
    throw misuse(
      `${name} exports no sessions. Write: export default createSessions({ … }), or export default session({ … }) with that of strongroom/express-session.`,
    )
  checkComplete(sessions, name)
  return sessions
}

/** Under a secret that was made up here, every session seems not to exist; and what is written, nobody can open. */
function checkComplete({ policy }: AnySessions, name: string): void {
  // Undefined for a config that imports an older version of the library.
  const missing = (policy.developmentDefaults ?? []).join(' and ')
  if (missing === '') return
  throw misuse(
    `In ${name}, createSessions() got no ${missing}: what it reads from the environment is not set here. Set it, or add it to the .env beside the config.${CRON}`,
  )
}

/** The default export and `sessions`, awaited. A CommonJS module has both below its default. */
async function exportsOf(path: string, name: string): Promise<unknown[]> {
  try {
    const { default: first, sessions } = await import(pathToFileURL(path).href)
    const found = await Promise.all([first, sessions, first?.default, first?.sessions])
    return found.map(underneath)
  } catch (error) {
    throw misuse(`${name} could not be loaded: ${messageWithoutQuotes(error)}`, { cause: error })
  }
}

/** The sessions of a middleware that `session()` of strongroom/express-session returned: without a secret, they say so. */
const underneath = (value: unknown) => (typeof value === 'function' && 'sessions' in value ? value.sessions : value)

function isSessions(value: unknown): value is AnySessions {
  if (typeof value !== 'object' || value === null || !('policy' in value)) return false
  return ['clearExpired', 'stats', 'find', 'revoke', 'keys', 'close'].every(
    (method) => typeof (value as Record<string, unknown>)[method] === 'function',
  )
}
