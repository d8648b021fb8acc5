import { resolve } from 'node:path'
import type { CookieEngine, PolicyFacts, Store } from 'strongroom'
import { engineFromUrl, type SessionsBackend, sessionsBackendOf } from 'strongroom/internal'
import { examineApplication } from './application.ts'
import { examineBackups } from './backups.ts'
import { type Check, type Diagnosis, Topic } from './check.ts'
import { examineCookie } from './cookie.ts'
import { inTime, type Limits, orUnknown } from './examine.ts'
import { keyUseIn } from './key-use.ts'
import { examineSecrets } from './secrets.ts'
import { examineSite } from './site.ts'
import { examineEngine } from './stores.ts'

export { type Check, type Diagnosis, LEVELS, type Level } from './check.ts'

/** What `diagnose` examines. */
export interface DiagnoseOptions {
  /** The running application, to be visited: two requests with their redirects. Without it, no request is made. */
  readonly url?: string | undefined
  /** Files to be read as `strongroom scan` does. */
  readonly backups?: readonly string[] | undefined
  /** The folder of the application, whose repository is searched for secrets (default: the working directory). */
  readonly folder?: string | undefined
  /** The file with the secrets (default: `.env` in that folder). */
  readonly envFile?: string | undefined
  /** The environment of the application (default: that of this process). */
  readonly environment?: NodeJS.ProcessEnv | undefined
  /** Ms that one part of a store, and one request, may take (default 5000). */
  readonly timeout?: number | undefined
  /** Returns the time in ms; for tests. */
  readonly clock?: (() => number) | undefined
}

/** What `createSessions` returns. */
export type Diagnosed = object & { readonly policy: PolicyFacts }

/** How long all of the secrets and the repository may take, in ms. */
const LONG = 40_000
/** The same for a backup, which may be large. */
const BACKUP = 24 * 3_600_000

/**
 * Looks at a deployment, and says what weakens the promises. Takes the sessions of an application, the URL of a store, or null for
 * what needs neither. It writes nothing, takes no lock, and never rejects because of what it finds: a server that does not answer is a
 * red check, and what may not be read is `unknown`.
 */
export async function diagnose(target: Diagnosed | string | null, options: DiagnoseOptions = {}): Promise<Diagnosis> {
  const limits: Limits = { limit: options.timeout ?? 5_000, now: options.clock ?? Date.now }
  const folder = resolve(options.folder ?? '.')
  const environment = options.environment ?? process.env
  const patient: Patient = {
    ...limits,
    ...subjectOf(target),
    url: typeof target === 'string' ? target : null,
    environment,
    folder,
    envFile: resolve(folder, options.envFile ?? '.env'),
    isProduction: environment.NODE_ENV === 'production',
  }
  try {
    const store = examineStore(patient)
    const parts = await Promise.all([
      applicationOf(patient),
      store,
      secretsOf(patient, store),
      cookieOf(patient),
      options.url === undefined ? [] : siteOf(patient, options.url),
      options.backups?.length ? backupsOf(options.backups) : [],
    ])
    return { format: 1, at: new Date(limits.now()).toISOString(), checks: parts.flat() }
  } finally {
    await inTime(limits.limit, patient.close).catch(() => {})
  }
}

interface Subject {
  readonly policy: PolicyFacts | null
  readonly backend: SessionsBackend | null
  readonly engine: Store | CookieEngine | null
  /** Closes what was opened here. */
  close(): Promise<void>
}

interface Patient extends Subject, Limits {
  /** Of the store; null for the sessions of an application. */
  readonly url: string | null
  readonly environment: NodeJS.ProcessEnv
  readonly folder: string
  readonly envFile: string
  readonly isProduction: boolean
}

const nothing = async () => {}

function subjectOf(target: Diagnosed | string | null): Subject {
  if (target === null) return { policy: null, backend: null, engine: null, close: nothing }
  if (typeof target !== 'string') {
    const backend = sessionsBackendOf(target)
    return { policy: target.policy, backend, engine: backend?.engine ?? null, close: nothing }
  }
  const engine = engineFromUrl(target)
  const close = async () => {
    await ('kind' in engine ? engine.revocations : engine)?.close()
  }
  return { policy: null, backend: null, engine, close }
}

async function applicationOf({ environment, backend, now }: Patient): Promise<readonly Check[]> {
  const usesSodium = backend?.usesSodium ?? null
  return examineApplication({ environment, usesSodium, version: process.version, now: now() })
}

async function examineStore({ engine, backend, policy, isProduction, limit, now }: Patient): Promise<readonly Check[]> {
  const topic = new Topic('engine', 'every-store')
  if (engine === null) {
    if (policy === null) return []
    return [
      topic.unknown(
        'store-known',
        `The engine ${policy.engine} is of another package or release, so it cannot be looked at.`,
      ),
    ]
  }
  const every = backend ? backend.sweep : undefined
  const checks = await examineEngine(engine, { about: 'engine', isCache: false, isProduction, every, limit, now })
  return policy && !('kind' in engine) ? [sealCheck(topic, policy), ...checks] : checks
}

function sealCheck(topic: Topic, { seal, traits, transport }: PolicyFacts): Check {
  if (seal === 'two-key')
    return topic.green(
      'seal',
      `Sessions are sealed with two keys, one of which is in the ${transport === 'bearer' ? 'token' : 'cookie'}.`,
    )
  if (traits.shared === 'process') return topic.green('seal', 'Sessions stay in the memory of the process.')
  if (seal === 'server-key')
    return topic.amber(
      'seal',
      'Sessions are sealed with the key of the server alone: anyone who has it and a backup reads them.',
      "Leave out seal: 'server-key'.",
    )
  return topic.red(
    'seal',
    'Sessions are stored without a seal: anyone who reads the store or a backup reads them.',
    "Leave out seal: 'none'.",
  )
}

function secretsOf(patient: Patient, store: Promise<readonly Check[]>): Promise<readonly Check[]> {
  const { environment, folder, envFile, url, backend, engine, now } = patient
  const topic = new Topic('secrets', 'secrets')
  return orUnknown({ topic, name: 'secrets-source', limit: LONG }, () =>
    examineSecrets({
      environment,
      folder,
      envFile,
      now,
      url,
      isRing: backend ? (secrets) => backend.hasSecrets(secrets) : null,
      keyUse: async () => keyUseIn(engine, await store),
    }),
  )
}

async function cookieOf({ backend, isProduction }: Patient): Promise<readonly Check[]> {
  return backend ? examineCookie(backend, { isProduction }) : []
}

function siteOf({ policy, backend, limit, now }: Patient, url: string): Promise<readonly Check[]> {
  const topic = new Topic('site', 'the-running-site')
  // Several requests, each with its limit.
  return orUnknown({ topic, name: 'site-answers', limit: 12 * limit }, () =>
    examineSite({ url, cookieName: policy?.cookieName ?? null, isDropIn: backend?.isDropIn === true, limit, now }),
  )
}

function backupsOf(files: readonly string[]): Promise<readonly Check[]> {
  const topic = new Topic('backups', 'backups')
  return orUnknown({ topic, name: 'backup', limit: BACKUP }, () => examineBackups(files))
}
