import { type Mutation, on } from './mutation.ts'

const FOLDER = 'packages/strongroom/src/passport'
const logins = on('test/passport/passport.test.ts', `${FOLDER}/passport.ts`)
const small = on('test/passport/session.test.ts', `${FOLDER}/session.ts`)

/** Mistakes in what Passport is given. */
export const passportMutations: readonly Mutation[] = [
  logins('passport: a refused login that is saved with the response', '        state.forgetIntent()\n', ''),
  logins('passport: a refused login that leaves its user in the session', '        session.delete(key)\n', ''),
  logins('passport: data of before that is kept', "(own.keep ?? 'none')", "(own.keep ?? 'all')"),
  logins('passport: keepSessionInfo that is ignored', "keepSessionInfo ? 'all' : 'none'", "'none'"),
  logins('passport: options of req.login that are ignored', 'keep: byPassport, ...given', 'keep: byPassport'),
  logins(
    'passport: a login that is saved after the redirect',
    '      await sessions.save(request)\n    } catch',
    '    } catch',
  ),
  logins('passport: a logout that keeps the user', 'session.keys().filter((name) => name !== key)', 'session.keys()'),
  logins(
    'passport: a logout that fails unnoticed',
    '    session.logout()\n    await sessions.save(request)',
    '    session.logout()',
  ),
  logins('passport: an ObjectId that cannot be saved', "parseJson(JSON.stringify(serialized) ?? 'null')", 'serialized'),
  logins('passport: a session strategy with another key', 'strategy._key !== key', 'false'),
  small(
    'passport: a store that is down, and a page for nobody',
    'error instanceof NotAttachedError && !needed',
    '!needed',
  ),
  small(
    'passport: a session that is missing, and an error of the strategy',
    'assignProperty === undefined',
    'assignProperty !== undefined',
  ),
  small('passport: a strategy that throws, and ends the process', '    next(error)\n  }\n}', '    throw error\n  }\n}'),
  small('passport: a key of the library that Passport can write', "&& !name.startsWith('~')", ''),
  small('passport: a method that is missing without a word', 'if (METHODS.has(name)', "if (name === ''"),
  small('passport: a property that nobody saves', 'defineProperty: () => false', 'defineProperty: () => true'),
]
