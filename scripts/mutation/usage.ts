// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources
import { type Mutation, on } from './mutation.ts'

const missing = on('test/engines/missing-drivers.test.ts', 'packages/strongroom/src/base/load-driver.ts')
const properties = on('test/core/properties.test.ts', 'packages/strongroom/src/session/properties.ts')
const shown = on('test/core/properties.test.ts', 'packages/strongroom/src/session/session.ts')
const attached = on('test/adapters/copied-requests.test.ts', 'packages/strongroom/src/request/attached.ts')
const odd = (file: string) => on('test/adapters/odd-responses.test.ts', `packages/strongroom/src/adapters/${file}.ts`)
const development = on('test/core/development.test.ts', 'packages/strongroom/src/development.ts')
const building = on('test/core/development.test.ts', 'packages/strongroom/src/create.ts')
const foreign = (file: string) =>
  on('test/engines/foreign-clients.test.ts', `packages/strongroom/src/engines/${file}.ts`)
const told = on('test/core/user-key.test.ts', 'packages/strongroom/src/admin/users.ts')

/** Of how the packed library is used: bundled, compiled, handed a request that it did not make. */
export const usageMutations: readonly Mutation[] = [
  missing('a driver that is missing from a Worker, in words that nobody understands', '|no such module|', '|'),
  missing(
    'a dependency that a driver lacks, taken for the driver',
    'missing?.startsWith(`${name}/`)',
    'missing?.startsWith(name)',
  ),
  on('test/engines/missing-drivers.test.ts', 'packages/strongroom/src/errors.ts')(
    'errors that a minified bundle renames',
    'return (this.constructor as typeof StrongroomError).errorName ?? this.constructor.name',
    'return this.constructor.name',
  ),
  on('test/core/errors.test.ts', 'packages/strongroom/src/errors.ts')(
    'an error whose name a class that extends it loses',
    "static override readonly errorName = 'FreshLoginRequiredError'",
    "static override readonly name = 'FreshLoginRequiredError'",
  ),
  properties(
    'a value that is assigned to a session, and lost',
    "if (typeof key === 'symbol') return Reflect.set",
    "if (key !== '') return Reflect.set",
  ),
  properties(
    'a value that seems to be absent, because it is read as a property',
    "if (typeof key === 'string') refuseIfThere",
    "if (key === '') refuseIfThere",
  ),
  properties(
    'a method that a value takes the place of',
    'set: refuse, configurable: true',
    'set: method ? () => {} : refuse, configurable: true',
  ),
  shown(
    'a session whose values are logged',
    'return { isNew, userId, keys: this.keys(),',
    'return { isNew, userId, keys: Object.values(this.#state.values) as string[],',
  ),
  attached('a clone of a request without a session', 'if (begun) putWithClones(copy, begun)', ''),
  attached(
    'a frozen request whose session is loaded twice',
    'frozen?.get(request) ?? (request as Slot | null)?.[slot]',
    '(request as Slot | null)?.[slot] ?? frozen?.get(request)',
  ),
  attached('a frozen request without a session', 'frozen.set(request, begun)', ''),
  odd('shared/response')(
    'a Response.error() that becomes an exception',
    'if (!outcome.used || response.status === 0)',
    'if (!outcome.used)',
  ),
  odd('hono')(
    'a Response.error() that Hono answers with an exception',
    'if (!outcome.used || c.res.status === 0) return\n',
    '\n',
  ),
  odd('shared/outcome')(
    'a request that is saved although its visitor gets nothing',
    'status === 0 ? 500 : status',
    'status === 0 ? 200 : status',
  ),
  odd('shared/response')(
    'a cookie that several visitors get, because they get one response',
    'const copy = copyOf(response)',
    'const copy = response',
  ),
  development('a development store for each bundle', 'place[KEY] ??= made()', 'place[KEY] = made()'),
  development(
    'tests that share a store with each other',
    "process.env.NODE_ENV === 'test'",
    "process.env.NODE_ENV === 'tests'",
  ),
  development('the same warning for each bundle', 'if (warned.has(message)) return', ''),
  building('a server that starts with the secrets of a build', 'if (refused && !isBuilding()) throw refused', ''),
  building('a build that is given made-up secrets', 'const ring = withheld ?? given', 'const ring = given'),
  foreign('postgres/client')(
    'a pool of another database that fails at the first request',
    " && !hasMethods(client, 'getConnection')",
    '',
  ),
  foreign('mysql/client')(
    'a query builder that is taken for a connection',
    "foreign === '' && has(promised, 'execute')",
    "has(promised, 'execute')",
  ),
  foreign('shared/foreign-client')('a client that nobody has awaited', ': insteadOf(given)', ": ''"),
  told('an end of all sessions that says not whose', 'reason, user, except: except', 'reason, except: except'),
  told(
    'a session that goes on and is told to have ended',
    'const except = isOwn ? (state.ref as SessionRef).cookie.id : null',
    'const except = null',
  ),
]
