import { type Mutation, on } from './mutation.ts'

const FOLDER = 'packages/strongroom/src/passport'
const logins = on('test/passport/passport.test.ts', `${FOLDER}/passport.ts`)
const dropIn = on('test/passport/drop-in.test.ts', `${FOLDER}/express-session.ts`)
const dropInLogins = on('test/passport/drop-in.test.ts', `${FOLDER}/passport.ts`)
const small = on('test/passport/session.test.ts', `${FOLDER}/session.ts`)

/** Mistakes in what Passport is given. */
export const passportMutations: readonly Mutation[] = [
  logins('passport: a refused login that is saved with the response', '        state.forgetIntent()\n', ''),
  logins('passport: a refused login that leaves its user in the session', '        else session.delete(key)\n', ''),
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
  dropInLogins(
    'passport: a user of other sessions than those of req.session',
    '!(await sessions.get(request)).has(key)',
    '(await sessions.get(request)) === null',
  ),
  dropInLogins('passport: a refused login that leaves its user in req.session', 'delete after[key]', 'after[key] = {}'),
  dropInLogins('passport: a wrong option that ends the session first', '    checkLogin(userId, login)\n', ''),
  dropInLogins('passport: a wrong user id that ends the session first', "    checkUserId('login()', userId)\n", ''),
  dropIn('passport: a login that keeps the cookie of before', "if (keep === 'all') after", 'after'),
  dropIn(
    'passport: keepSessionInfo that forgets the cookie',
    "if (keep === 'all') after",
    "if (keep === 'none') after",
  ),
  dropIn(
    'passport: remember that is ignored',
    'else if (remember !== undefined)',
    'else if (remember !== undefined && standard === 0)',
  ),
  dropIn(
    'passport: a login that is kept when the browser closes',
    'if (remember === false) after.cookie.maxAge = null',
    'if (remember === false) after.cookie.maxAge = standard',
  ),
  on('test/passport/drop-in.test.ts', `${FOLDER}/session.ts`)(
    'passport: a small session in place of one that was unset',
    ' || request.sessionStore',
    '',
  ),
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
