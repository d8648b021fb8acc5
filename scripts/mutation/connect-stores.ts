import { type Mutation, on } from './mutation.ts'

const SOURCE = 'packages/strongroom/src'

const calls = on('test/core/connect-store.test.ts', `${SOURCE}/base/connect.ts`)
const engine = on('test/express-session/connect-engine.test.ts', `${SOURCE}/express-session/connect-engine.ts`)

const attacked = on('test/express-session/attacked.test.ts', `${SOURCE}/express-session/connect-engine.ts`)
const once = on('test/express-session/sessions-in-connect-stores.test.ts', 'packages/strongroom/src/base/warn.ts')
const above = on(
  'test/express-session/sessions-in-connect-stores.test.ts',
  `${SOURCE}/express-session/connect-engine.ts`,
)
const sids = (suite: string) =>
  on(`test/express-session/connect-store${suite}.test.ts`, `${SOURCE}/express-session/sid-sessions.ts`)
const contract = sids('')
const overHttp = sids('-http')
const odd = sids('-options')
const store = on('test/express-session/connect-store-options.test.ts', `${SOURCE}/express-session/connect-store.ts`)
const replied = on('test/express-session/connect-store-options.test.ts', `${SOURCE}/express-session/reply.ts`)
const buried = on('test/express-session/connect-store.test.ts', `${SOURCE}/backing/server.ts`)

/** Mistakes with stores of express-session: those of others that we use, and ours that express-session uses. */
export const connectStoreMutations: readonly Mutation[] = [
  store('a Store that is taken for its framework', 'given.prototype instanceof EventEmitter', 'false'),
  store(
    'a middleware that is taken for its framework',
    'const isMiddleware = given.length === 3',
    'const isMiddleware = false as boolean',
  ),
  store('the drop-in that is taken for express-session', 'Store === DropInStore ? DROP_IN : ', ''),
  calls(
    'a database whose socket is gone, taken for a session that is absent',
    "return code === 'ENOENT' && syscall !== 'connect'",
    "return code === 'ENOENT'",
  ),
  engine(
    'two engines over one connect store that do not wait for each other',
    'runExclusive(this.#store, id,',
    'runExclusive(this, id,',
  ),
  engine(
    'a connect store whose set creates what was ended',
    'if (found?.version !== version || found.entry.owner !== entry.owner) return null',
    'if (found && (found.version !== version || found.entry.owner !== entry.owner)) return null',
  ),
  engine(
    'a touch of a connect store that leaves the deadline in the entry',
    'recordOf({ ...found.entry, expiresAt }, found.version)',
    'recordOf(found.entry, found.version)',
  ),
  engine(
    'an entry that a connect store keeps past its deadline and that is live',
    'return found && this.#clock() < found.entry.expiresAt ? found : null',
    'return found',
  ),
  engine('versions in a connect store that begin again', "randomBytes(12).toString('base64url')", "'A'.repeat(16)"),
  engine('an entry that a connect store rounds away', 'const ROUNDING = 1000', 'const ROUNDING = 0'),
  engine('an error of a connect store that quotes the session', 'tells ? {} : { cause: error }', '{ cause: error }'),
  engine('a queue that runs what was given up', 'if (isPast(until)) return reject(tooLate(this.#timeout))\n', ''),
  attacked('a write that was given up, and lands after a logout', 'await this.#writing.get(id)\n', ''),
  engine(
    'a connect store that is down, and is swept without an error',
    'await this.read(NOBODY)',
    'this.#state.assertOpen()',
  ),
  contract(
    'a destroyed sid that can be stored again',
    "if (state === 'ended') return this.#report('gone', places, { began })",
    '',
  ),
  contract(
    'a touch that creates a session',
    '      before ? JSON.stringify({ ...(parseJson(before.data) as object), ...changed }) : null,',
    "      JSON.stringify({ ...(parseJson(before?.data ?? '{}') as object), ...changed }),",
  ),
  contract(
    'a touch that stores the values of an older copy',
    '...(parseJson(before.data) as object), ...changed',
    '...(parseJson(before.data) as object), ...session',
  ),
  contract(
    'a session without the deadline of its cookie',
    'Number.isNaN(moment) ? maxAge : moment - Date.now()',
    'maxAge',
  ),
  contract(
    'a session that is stored although its cookie has expired',
    'if (!(this.#context.clock() < deadline)) return this.destroy(sid)',
    '',
  ),
  buried(
    'a mark of a destroyed session that lasts for half a minute',
    'tombstone(owner, lasting), version',
    'tombstone(owner), version',
  ),
  buried(
    'a session that is deleted, and not buried, where many write it',
    'attempt <= (lasting ? LASTING_BURIALS : BURIALS)',
    'attempt <= 0',
  ),
  contract(
    'a clear after which slow requests store their sessions',
    "replaceAny(refOf({ id, text: '' }), SESSION)",
    "discard(refOf({ id, text: '' }))",
  ),
  contract(
    'sessions of other namespaces that are counted',
    'isSession(one) && isOf(this.#context.namespace, one)',
    'isSession(one)',
  ),
  contract('marks that are counted as sessions', 'isSession(one) && isOf(', 'isOf('),
  overHttp(
    'a destroy under the current secret only',
    'for (const cookie of places)\n      if (await this.#context.backing.replaceAny',
    'for (const cookie of places.slice(0, 1))\n      if (await this.#context.backing.replaceAny',
  ),
  overHttp(
    'a session that stays under its old secret',
    'loaded?.ref.cookie.id === current.id)',
    'loaded && loaded.ref.cookie.id !== current.text)',
  ),
  overHttp('a session that is there twice after it has moved', 'if (loaded) await backing.discard(loaded.ref)', ''),
  overHttp(
    'sids that are looked for under the current secret only',
    'return [current as VerifiedCookie, ...retired]',
    'return [current as VerifiedCookie, ...retired.slice(retired.length)]',
  ),
  odd(
    'a record that another server can open, taken for an ended session',
    "ELSEWHERE.includes(result.refused) ? 'unreadable' : 'ended'",
    "'ended'",
  ),
  odd(
    'an altered record, taken for an absent session',
    "ELSEWHERE.includes(result.refused) ? 'unreadable' : 'ended'",
    "ELSEWHERE.includes(result.refused) ? 'unreadable' : 'absent'",
  ),
  replied('a callback whose own error comes back to it', 'process.nextTick(reply, null, value)', 'reply(null, value)'),
  replied('an outage that ends the process of a connect store', '    result.catch(() => undefined)\n', ''),
  store('a connect store on cookies', "/^\\s*cookie:/i.exec(engine) && 'cookie'", 'null'),
  store(
    'a ttl of a number',
    "if (typeof given === 'string') return milliseconds(given, 'ttl')",
    "if (given !== null) return milliseconds(given as Duration, 'ttl')",
  ),
  store('a connect store under a made-up secret', 'if (secrets == null)', 'if (secrets === 0 as never)'),
  store('a connect store that works after it was closed', 'state.assertOpen()\n        return work()', 'return work()'),
  once('a warning of what is said once, and none the first time', 'if (warned) return', 'if (!warned) return'),
  once('a warning that is said once, each time', 'warned = true', 'warned = false'),
  above('sessions in a connect store in the clear', "shared: 'network'", "shared: 'process'"),
]
