// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources
import { type Mutation, on } from './mutation.ts'

const attack = (file: string) => `packages/cli/src/lab/attacks/${file}.ts`
const weak = (file: string) => on('test/lab/attacks-weak.test.ts', attack(file))
const controls = (file: string) => on('test/lab/controls.test.ts', `packages/cli/src/lab/${file}.ts`)
const ours = (file: string) => on('test/lab/attacks.test.ts', file)

/** An attack that fails because it was not made well looks like a library that holds. */
export const labAttackMutations: readonly Mutation[] = [
  controls('people')(
    'a failure of the application that is taken for a refusal',
    'if (answer.status >= 500)',
    'if (answer.status >= 600)',
  ),
  controls('visitor')(
    'requests that follow each other, taken for a race',
    'if (status !== 501)',
    'if (status !== 501 && status > 999)',
  ),
  controls('attacks/store-away')(
    'a store that nobody missed, taken for one that was away',
    'if (wrong.length === 0 && !hasFailed)',
    'if (wrong.length === 0 && hasFailed === undefined)',
  ),
  controls('attacks/interleavings')('an end that was always refused', 'refused === orders', 'refused > orders'),
  controls('attacks/elsewhere')(
    'the first thing that a server does, which is never attacked',
    "{ reader: site, ender: other, path: '/logout' }",
    "{ reader: other, ender: site, path: '/logout' }",
  ),
  controls('attacks/replay')(
    'a logout that does nothing, called inapplicable',
    'if (alone.survives && !whereRevocable(people.site.row))',
    'if (alone.survives)',
  ),
  weak('replay')(
    'a replay that sends what the browser has after the logout, and not what it had',
    'const open = await countOpen(people.site, visitor.copies, user, people.note)\n    const own',
    'const open = await countOpen(people.site, [visitor.cookies], user, people.note)\n    const own',
  ),
  weak('replay')(
    'a thief who renews nothing',
    'const thief = people.visitor(owner.cookies)\n    const first',
    'const thief = people.visitor()\n    const first',
  ),
  weak('replay')(
    'a second cookie that is not sent with the logout',
    '(isFirst ? [...second, ...own] : [...own, ...second])',
    '(isFirst ? own : [...own])',
  ),
  weak('fixation')(
    'an attacker who comes back without the planted cookie',
    'return { what, signsIn: opens(await ask(people.site, cookies), user) }',
    'return { what, signsIn: opens(await ask(people.site, null), user) }',
  ),
  weak('slow-request')(
    'a slow request that is answered before the session ends',
    "expectOk('the end of the session', await browser.send(end(user)))\n  const { status } = await request.goOn()",
    "const { status } = await request.goOn()\n  expectOk('the end of the session', await browser.send(end(user)))",
  ),
  weak('lost-updates')(
    'additions that may be fewer than were acknowledged',
    'count === acknowledged(added)',
    'count <= acknowledged(added)',
  ),
  weak('failing-handler')(
    'what a failing handler has saved, looked for under a value that it cannot have',
    'data.paid !== undefined',
    'data.paid === null',
  ),
  weak('cookie-jar')(
    'a cookie jar of which only the plain text is read',
    'readingsOf(Buffer.from(value)).map(',
    '[Buffer.from(value)].map(',
  ),
  weak('alter-cookie')(
    'an altered cookie whose session is another, and that counts for nothing',
    '!own.includes(stateIn(answer))',
    "!own.includes(stateIn(answer)) && answer.body === ''",
  ),
  weak('made-up')(
    'made-up tokens that reach the store, and that nobody minds',
    'if (calls) return broken(',
    'if (calls && opened) return broken(',
  ),
  weak('shared-cache')(
    'a shared cache that keeps nothing at all',
    "has('private') || has('no-cache')",
    "has('private') || has('public') || has('max-age') || has('no-cache')",
  ),
  weak('shared-cache')(
    'a shared cache that reads nothing but Cache-Control',
    "headers['cache-control'] ?? '', headers.expires)",
    "headers['cache-control'] ?? 'no-store')",
  ),
  weak('shared-cache')('a CDN that does not know its own header', 'return targeted || allows(', 'return allows('),
  weak('error-pages')('errors that are not read', 'answer.status >= 400', 'answer.status >= 600'),
  weak('clocks-apart')(
    'two servers whose clocks are ahead alike',
    'people.another({ clockBy: -APART })',
    'people.another({ clockBy: APART })',
  ),
  weak('floods')(
    'strangers who fill nothing where only ends are stored',
    'if (!isInCookie(people.site.row)) continue',
    'if (people.site.row) continue',
  ),
  weak('floods')('renewals that may leave a row each', 'after - before > 3', 'after - before > 300'),
  weak('store-away')('a store that is never away', 'await server.kill()', 'await Promise.resolve()'),
  ours(attack('session-limit'))(
    'a password that the owner never changes',
    'credential: () => password',
    "credential: () => password.slice(0, 5) + 'still'",
  ),
  ours('packages/cli/src/lab/people.ts')(
    'visitors of an attack whose sessions are left behind',
    "cookies.size > 0 && end('/logout'",
    "cookies.size > 99 && end('/logout'",
  ),
  on('test/lab/interleaver.test.ts', 'packages/cli/src/lab/interleaver.ts')(
    'orders of which only those are run that begin with the first actor',
    'if (at !== going) {',
    'if (at < going) {',
  ),
  on('test/lab/readings.test.ts', 'packages/cli/src/lab/readings.ts')(
    'a cookie that is not read in parts',
    'parts.map((part) => Buffer.from(part))',
    'parts.slice(0, 0).map((part) => Buffer.from(part))',
  ),
  // A mistake in the library itself is found by attacking it.
  ours('packages/strongroom/src/adapters/shared/outcome.ts')(
    'a response with the cookie that a shared cache may keep, under attack',
    "headers.set('Cache-Control', 'no-store')",
    "headers.set('Cache-Control', 'public, max-age=60')",
  ),
]
