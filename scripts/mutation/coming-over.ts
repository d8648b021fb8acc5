// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources
import { type Mutation, on } from './mutation.ts'

const source = (file: string) => `packages/strongroom/src/${file}.ts`
const stores = on('test/core/connect-store.test.ts', source('base/connect'))
const express = on('test/core/adopt-express-session.test.ts', source('adoption/express-session'))
const iron = on('test/core/adopt-iron-session.test.ts', source('adoption/iron-session'))
const moved = (file: string) => on('test/cli/move-express.test.ts', `packages/cli/src/${file}.ts`)
const sameName = (file: string) => on('test/core/adoption-same-name.test.ts', source(file))

/** Visitors of other libraries who lose their session on the way, or whose old cookie stays good. */
export const comingOverMutations: readonly Mutation[] = [
  stores(
    'a session that is absent because its store has not called back yet',
    'if (result !== undefined || !takesCallback) resolve(result)',
    'resolve(result)',
  ),
  stores(
    'a session id in the error of a store on disk',
    "reject(typeof sid === 'string' ? withoutSid(error, sid) : error)",
    'reject(error)',
  ),
  stores(
    'a session file that is gone, and fails every request of its visitor',
    'if (isNoFile(error)) return null\n',
    '',
  ),
  sameName('adoption/visitors')(
    'a line that removes our own cookie, which has the name of the other framework’s',
    'return clear.filter((line) => !isSameCookie(line, ours))',
    'return clear',
  ),
  sameName('adoption/visitors')(
    'an expected cookie of another framework that counts as an attempt on ours',
    'source.keyIn(`${name}=${text}`) !== null',
    'false',
  ),
  sameName('adoption/visitors')(
    'an old cookie that is expected after the end date of its source',
    'source.isOn(clock()) &&\n        source.keyIn(',
    'source.keyIn(',
  ),
  sameName('http/cookie')(
    'a cookie of the same name with another path that is never removed',
    'a.path === undefined || b.path === undefined || a.path === b.path',
    'true',
  ),
  express(
    'a client of Redis that counts as a store',
    'if (!isReadableStore(store))',
    'if (!store?.get || !store.destroy)',
  ),
  on('test/core/adopt-express-session.test.ts', source('base/check'))(
    'a class that is to be called',
    'if (isClass(given)) return',
    'if (!given) return',
  ),
  on('test/core/adopt-express-session.test.ts', source('adoption/foreign-values'))(
    'an error of the application’s that reads as an outage',
    "throw thrownBy(where, 'userId', error)",
    'throw error',
  ),
  on('test/core/adopt-iron-session.test.ts', source('adoption/foreign-values'))(
    'an error in values that reads as an outage',
    "throw thrownBy(where, 'values', error)",
    'throw error',
  ),
  on('test/core/adopt-express-session.test.ts', source('adoption/foreign-values'))(
    'an outage of the database of users that reads as a mistake in the application',
    'cause instanceof StrongroomError\n',
    'cause === undefined\n',
  ),
  express('a Passport user without an id without a warning', 'if (isObject(user))', 'if (false as boolean)'),
  express('a lifetime in seconds without a warning', 'given < 3_600_000', 'given < 0'),
  express('a wrong prefix without a warning', 'if (record === null) strays.absent(sid)\n      else', ''),
  express('a wrong secret without a warning', 'if (sid === null && looksSigned(value)) strays.unsigned(value)', ''),
  express('a warning of a wrong secret while one is right', 'strays.signed()', ''),
  express('a warning of a wrong prefix while sessions are found', 'else strays.found()', ''),
  on('test/core/adopt-express-session.test.ts', source('adoption/strays'))(
    'one visitor who counts as many',
    ".update(value).digest('base64url')",
    ".update(value + strays.size).digest('base64url')",
  ),
  express(
    'a cookie of express-session that anybody can sign',
    'return equal(Buffer.from(expected), signature)',
    'return expected.length === signature.length',
  ),
  express(
    'an older secret of express-session whose visitors are logged out',
    'const isSigned = keys.some((key) => {',
    'const isSigned = keys.slice(0, 1).some((key) => {',
  ),
  express('a planted cookie that hides the one that was signed', 'if (sid === null) continue', ''),
  express(
    'a session of express-session that is adopted after its end',
    'if (life.expiresAt !== null && life.expiresAt <= now && !rolling) return null\n',
    '',
  ),
  express(
    'a visitor of a rolling session who is logged out, because its record is older than the last request',
    'life.expiresAt <= now && !rolling',
    'life.expiresAt <= now',
  ),
  express(
    'a visitor of a rolling session who is logged out in the middle of the work',
    '{ idle: length, expiresAt: now + Math.max(length, absolute) }',
    '{ expiresAt: now + length }',
  ),
  on('test/core/adoption.test.ts', source('adoption/origin'))(
    'an adopted session that outlives its idle limit',
    'expiryAfter(clock(), content.meta)',
    'content.meta.deadline',
  ),
  express(
    'a forgotten store that stands for the copies alone',
    "isObject(options) && 'store' in options",
    'isObject(options) && (options as { store?: unknown }).store !== undefined',
  ),
  on('test/core/adopt-iron-session.test.ts', source('adoption/foreign-values'))(
    'values that return no object, and a visitor without data',
    'if (chosen === null) throw new ConfigError(`${where}: values must return an object that JSON can hold.`)',
    'if (chosen === null) return {}',
  ),
  on('test/core/adopt-express-session.test.ts', source('adoption/foreign-values'))(
    'data that JSON cannot carry, and fails every request of its visitor',
    'if (error instanceof TypeError || error instanceof DataError || error instanceof RangeError) return null\n',
    '',
  ),
  on('test/core/adopt-express-session.test.ts', source('adoption/connect-keys'))(
    'sessions that are listed without ids, and moved under the id "undefined"',
    "if (Array.isArray(given) && given.every((id) => typeof id === 'string')) return given as readonly string[]",
    'if (Array.isArray(given)) return given.map(String)',
  ),
  iron(
    'a sealed cookie that is spent, and opens again with another version behind it',
    "const seal = decoded(given).split('~', 1)[0] as string",
    'const seal = decoded(given)',
  ),
  iron(
    'a sealed cookie that is spent, and opens again with other bits at its end',
    ' && strictBase64url(parts[7] as string) !== null',
    '',
  ),
  iron('a logout that an older sealed cookie reverses', 'stateless: true,', 'stateless: false,'),
  iron(
    'a password of iron-session that opens what another number has sealed',
    "(Object.hasOwn(byId, id || 'default') ? [{ [id || 'default']: byId[id || 'default'] as string }] : [])",
    "Object.values(byId).map((one) => ({ [id || 'default']: one }))",
  ),
  moved('express/files')(
    'a session file whose end is past, and is moved all the same',
    'return endsAt !== null && endsAt <= Date.now() ? null : { record, endsAt }',
    'return { record, endsAt }',
  ),
  moved('commands/move-source')(
    'sessions that are moved to where the application does not look, and deleted',
    'if (options.delete && namespace === undefined) throw misuse(DELETE_WITHOUT_NAMESPACE)',
    '',
  ),
  moved('commands/move-express')(
    'a move that does not say which namespace the drop-in has',
    ', namespace: DROP_IN',
    '',
  ),
  moved('commands/move-express')(
    'sealed cookies that a command pretends to list',
    'if (found.stateless)',
    'if (found.stateless && found.canList)',
  ),
  moved('commands/move-express')(
    'a record that is no JSON, and counts as none',
    "reader(found.record ?? 'no JSON', found.endsAt)",
    'reader(found.record ?? null, found.endsAt)',
  ),
]
