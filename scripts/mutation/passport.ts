import { type Mutation, on } from './mutation.ts'

const FOLDER = 'packages/strongroom/src/passport'
const logins = on('test/passport/passport.test.ts', `${FOLDER}/passport.ts`)
const attempts = on('test/passport/passport.test.ts', `${FOLDER}/login.ts`)
const dropIn = on('test/passport/drop-in.test.ts', `${FOLDER}/express-session.ts`)
const foreign = on('test/passport/drop-in.test.ts', `${FOLDER}/login.ts`)
const dropInLogins = on('test/passport/drop-in.test.ts', `${FOLDER}/passport.ts`)
const small = on('test/passport/session.test.ts', `${FOLDER}/session.ts`)

/** Mistakes in what Passport is given. */
export const passportMutations: readonly Mutation[] = [
  attempts('passport: a failed login that is saved with the response', '      takeBack()\n      if', '      if'),
  attempts(
    'passport: a failed login that leaves the user before half signed in',
    '      if (wasSignedIn) session.logout()\n',
    '',
  ),
  attempts('passport: a basket of nobody that is taken for that of a user', 'ofPassport?.user !== undefined', 'true'),
  foreign(
    'passport: a failed login that leaves the data of a user whom Passport alone has signed in',
    'session.userId !== null || ofPassport?.user !== undefined',
    'session.userId !== null && ofPassport !== null',
  ),
  attempts('passport: a basket that a failed login loses', 'wasSignedIn ? {} : dataOf(before, key)', '{}'),
  attempts(
    'passport: a failed login that leaves the data of the user before',
    'wasSignedIn ? {} : dataOf(before, key)',
    'dataOf(before, key)',
  ),
  attempts(
    'passport: a session that could not be ended, and goes on without its data',
    'else if (!wasSignedIn) takeBack()',
    'else if (wasSignedIn) takeBack()',
  ),
  attempts('passport: a failed login that is remembered', '      after.cookie.maxAge = originalMaxAge\n', ''),
  logins(
    'passport: a login that ends the session, and is refused',
    '    await stateOf(session).checkLimit({ userId, options: login })\n',
    '',
  ),
  on('test/passport/passport.test.ts', 'packages/strongroom/src/request/session-limit.ts')(
    'passport: a limit that counts the session which the login replaces',
    'own ? [own, ...ends] : ends',
    'ends',
  ),
  on('test/core/serializer.test.ts', 'packages/strongroom/src/session/checkpoint.ts')(
    'data of an ended session in another one',
    '    if (state.ref !== ref) return\n',
    '',
  ),
  on('test/core/serializer.test.ts', 'packages/strongroom/src/session/checkpoint.ts')(
    'a login that is taken back, without the objects of the application',
    '    takeBack?.()\n',
    '',
  ),
  logins(
    'passport: a numeric id that must be written as a string',
    'Number.isFinite(id) ? String(id)',
    'Number.isFinite(id) ? id as never',
  ),
  logins(
    'passport: the middleware of the drop-in, refused',
    "'sessions' in sessions ? sessions.sessions : sessions",
    "'sessions' in sessions ? (sessions as never) : sessions",
  ),
  logins('passport: data of before that is kept', "(own.keep ?? 'none')", "(own.keep ?? 'all')"),
  logins('passport: keepSessionInfo that is ignored', "keepSessionInfo ? 'all' : 'none'", "'none'"),
  logins('passport: options of req.login that are ignored', 'keep: byPassport, ...given', 'keep: byPassport'),
  attempts(
    'passport: a login that is saved after the redirect',
    'serialized })\n    await sessions.save(request)',
    'serialized })',
  ),
  logins('passport: a logout that keeps the user', 'session.keys().filter((name) => name !== key)', 'session.keys()'),
  logins(
    'passport: a logout that fails unnoticed',
    '    session.logout()\n    await sessions.save(request)',
    '    session.logout()',
  ),
  logins('passport: an ObjectId that cannot be saved', "parseJson(JSON.stringify(serialized) ?? 'null')", 'serialized'),
  logins('passport: a session strategy with another key', 'strategy._key !== key', 'false'),
  foreign(
    'passport: a user of other sessions than those of req.session',
    '!(await sessions.get(request)).has(key)',
    '(await sessions.get(request)) === null',
  ),
  foreign(
    'passport: a refused login that leaves its user in req.session',
    "if (name !== 'cookie') delete",
    "if (name !== 'cookie' && name !== 'passport') delete",
  ),
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
  on('test/adapters/mistakes.test.ts', 'packages/strongroom/src/adapters/shared/check.ts')(
    'the middleware of the drop-in, taken for a factory that was not called',
    "typeof given === 'function' && 'sessions' in given",
    "typeof given === 'object' && 'sessions' in given",
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
