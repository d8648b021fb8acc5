import { type DjangoEngine, type EngineContext, newSessionKey } from '../../../packages/django/src/engine.ts'
import { jsonCodec, sessionCodec } from '../../../packages/django/src/session-data.ts'
import { createDjangoSessions } from '../../../packages/django/src/sessions.ts'
import type { Id } from '../../../packages/strongroom/src/crypto/token.ts'
import type { Clock, Store } from '../../../packages/strongroom/src/store.ts'
import { type Watched, watched } from '../../../packages/strongroom/src/testing/watched.ts'
import { SECRET } from './own.ts'
import type { Format, Options } from './subject.ts'

const AGE = 14 * 86_400_000
const MAX_SIZE = 1024 * 1024

/** The options of `createDjangoSessions` that say the same as these of `createSessions`. */
function translated({ secrets = SECRET, credential, absolute, idle, ...rest }: Options) {
  if (idle) throw new Error('Django has no idle limit')
  const [secretKey = '', ...secretKeyFallbacks] = [secrets].flat() as string[]
  const password = (userId: string) => (credential ? credential(userId) : 'pbkdf2_sha256$1$salt$hash')
  return { ...rest, secretKey, secretKeyFallbacks, password, ...(absolute !== undefined && { cookieAge: absolute }) }
}

function codecOf({ name, unsigned }: DjangoEngine, clock: Clock) {
  const where = name === 'signed_cookies' ? 'backends.signed_cookies' : 'SessionStore'
  const salt = `django.contrib.sessions.${where}`
  return unsigned
    ? jsonCodec(MAX_SIZE)
    : sessionCodec({ secretKey: SECRET, salt, legacy: false, maxSize: MAX_SIZE, clock })
}

/** `createDjangoSessions`: the same sessions in Django's storage, in Django's format. */
export const bridge: Format = {
  name: 'django',
  idle: AGE,
  absolute: AGE,
  tooLarge: MAX_SIZE,

  sessions: ({ store, ...options }) =>
    createDjangoSessions({ ...(translated(options as Options) as object), store: store as DjangoEngine } as never),

  // SECRET_KEY is a setting, which an application reads when it starts.
  async withSecrets(_, secrets, make) {
    return make({ secrets: [...secrets] })
  },

  unknownCookie: () => newSessionKey(),

  async rewrite({ store }, clock, cookie, content) {
    const engine = store as DjangoEngine
    const text = typeof content === 'string' ? content : JSON.stringify(content)
    // What cannot be parsed is not written as JSON either.
    const written = engine.unsigned ? text : codecOf(engine, clock).encode(text)
    const records = engine.open({ clock, cookieName: 'sessionid', endOf: (_, savedAt) => savedAt + AGE })
    if (!records) return written
    try {
      const found = await records.read(cookie as Id)
      if (!found) throw new Error('no such record')
      const entry = { ...found.entry, bytes: Buffer.from(written) }
      if ((await records.update(cookie as Id, entry, found.version)) === null) throw new Error('it was changed')
      return cookie
    } finally {
      await records.close()
    }
  },

  observed({ store }) {
    return observed(store as DjangoEngine)
  },
}

/** The same engine, whose stores can be observed from the moment in which they are opened. */
export function observed(engine: DjangoEngine) {
  const watch: Pick<Watched, 'before' | 'calls'> = { before: null, calls: [] }
  const open = (context: EngineContext): Store | null => {
    const inner = engine.open(context)
    if (!inner) return null
    const outer = watched(inner)
    outer.before = (call) => {
      watch.calls.push(call)
      return watch.before?.(call)
    }
    return outer.store
  }
  return { store: { ...engine, open }, watch }
}
