// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources
import { type Mutation, on } from './mutation.ts'

const source = (file: string) => `packages/strongroom/src/${file}.ts`
const presets = (file: string) => on('test/core/presets.test.ts', source(file))
const peek = (file: string) => on('test/core/peek.test.ts', source(file))
const worker = (file: string) => on('test/core/worker.test.ts', source(file))
const page = on('test/browser/idle-warning.test.ts', 'examples/idle-warning.ts')

/** Presets, the policy in words, and how long a session still lives. */
export const policyMutations: readonly Mutation[] = [
  presets('request/renewal')(
    'a preset that refuses lifetimes shorter than its own',
    "if (isPreset && milliseconds(renewEvery, 'renewEvery') >= longest) return null\n",
    '\n',
  ),
  presets('policy/presets')(
    'a preset that does not say what sessions in cookies lack',
    '(inStore || !IN_STORE.has(option))',
    '(inStore || IN_STORE.has(option))',
  ),
  presets('policy/presets')(
    'a preset that overrules what was passed',
    'if (passed === undefined && canSet)',
    'if (canSet)',
  ),
  presets('policy/presets')(
    'a weaker option that is called stricter',
    'weaker: after > before',
    'weaker: after < before',
  ),
  presets('policy/presets')(
    'an option without a limit that counts as the strictest',
    'value === false ? Number.POSITIVE_INFINITY',
    'value === false ? 0',
  ),
  presets('policy/presets')(
    'a preset that nobody knows',
    "oneOf('preset', given.preset, PRESETS)",
    "oneOf('preset', given.preset, [given.preset])",
  ),
  presets('create')(
    'a remembered session that a preset leaves without an idle limit',
    'rememberIdle: keepsIdle ? idleMs : 0',
    'rememberIdle: keepsIdle ? 0 : 0',
  ),
  presets('create')(
    'a preset for cookies that bearer tokens refuse',
    'layer.transport ?? transportOption(given)',
    'layer.transport ?? transportOption(options)',
  ),
  presets('policy/report')(
    'a logout that is called final where a copy of the cookie goes on',
    'traits.revocable\n',
    'traits.engine\n',
  ),
  presets('policy/report')(
    'data that are called sealed and can be read',
    "sealName !== 'none' && sealName !== 'signed'",
    "sealName !== 'none'",
  ),
  presets('policy/report')(
    'a table that does not say where the application is weaker than its preset',
    "found.weaker ? 'WEAKER here' : 'stricter here'",
    "found.weaker ? 'stricter here' : 'stricter here'",
  ),
  presets('policy/report')(
    'a table that keeps silent about sessions which live shorter',
    '    ...exceptions(context, protections),\n',
    '',
  ),
  presets('policy/report')(
    'an upper limit of sessions without a device that nobody is told of',
    "unbound ? `at most ${lifeOf(unbound)}` : 'the same time as others'",
    "'the same time as others'",
  ),
  presets('policy/report')(
    'a preset that is said to ask for what it does not',
    "if (wanted === undefined) return 'not said'",
    "if (name === null) return 'not said'",
  ),
  presets('policy/protections')(
    'a copied token that ends the session, and a table that does not say so',
    "onReuse === 'end' ? ', and ends the session' : ''",
    "onReuse === 'end' ? '' : ''",
  ),
  presets('policy/protections')(
    'signals that are called switched on where nothing is compared',
    '...(signals?.check && {',
    '...(signals && {',
  ),
  on('test/asvs/presets.test.ts', source('policy/report'))(
    'ASVS 7.1.2: a limit that is promised where no sessions can be counted',
    'userLimit !== null && backing.users.beginTurn !== undefined',
    'userLimit !== null',
  ),
  peek('request/visit')(
    'a peek that extends the session',
    'return plan && movesExpiry(plan) ? null : plan',
    'return plan',
  ),
  peek('request/visit')(
    'a peek whose response a shared cache may show to everybody',
    'this.#wasRequested = this.#isStill = true',
    'this.#isStill = true',
  ),
  peek('request/visit')(
    'a peek that loses what its request has changed',
    'return plan && movesExpiry(plan) ? null : plan',
    'return null',
  ),
  peek('request/visit')(
    'a peek that keeps back the new token from a request that reads, too',
    'if (resent && responds) this.#sendEarly(resent)',
    'if (resent && responds && !this.#isStill) this.#sendEarly(resent)',
  ),
  peek('request/peek')('a peek that believes an old copy', '{ fresh: true, onS', '{ fresh: false, onS'),
  peek('request/peek')(
    'a peek that takes an outage for the end of the session',
    "onStoreError: 'throw' })",
    "onStoreError: 'anonymous' })",
  ),
  peek('request/peek')('a warning for visitors who are not signed in', 'userId === null ||', "userId === '' ||"),
  page(
    'a page that signs everybody out while the store is down',
    'if (!response?.ok) return checkIn(10_000)',
    "if (!response?.ok) return location.replace('/')",
  ),
  page(
    'a page that shows what it has to anyone who opens the lid of the machine',
    "document.addEventListener('visibilitychange', () => { if (!document.hidden) check() })\n",
    '',
  ),
  worker('base/time-limit')(
    'a credential of a Worker whose failure signs its user out',
    'throw asError(error)',
    'throw error',
  ),
  worker('worker')(
    'a Worker that waits for a store for ever',
    'limitOf: limitEach,',
    'limitOf: () => ({ call: async (make) => make() }),',
  ),
]
