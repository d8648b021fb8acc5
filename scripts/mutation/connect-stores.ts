import { type Mutation, on } from './mutation.ts'

const SOURCE = 'packages/strongroom/src'

const calls = on('test/core/connect-store.test.ts', `${SOURCE}/base/connect.ts`)
const engine = on('test/express-session/connect-engine.test.ts', `${SOURCE}/express-session/connect-engine.ts`)

/** Mistakes with stores of express-session: those of others that we use, and ours that express-session uses. */
export const connectStoreMutations: readonly Mutation[] = [
  calls(
    'a database whose socket is gone, taken for a session that is absent',
    "return code === 'ENOENT' && syscall !== 'connect'",
    "return code === 'ENOENT'",
  ),
  engine(
    'two engines over one connect store that do not wait for each other',
    'return runExclusive(this.#store, id,',
    'return runExclusive(this, id,',
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
  engine('a queue that runs what was given up', 'if (isPast(until)) throw tooLate(this.#timeout)', ''),
  engine(
    'a connect store that is down, and is swept without an error',
    'await this.read(NOBODY)',
    'this.#state.assertOpen()',
  ),
]
