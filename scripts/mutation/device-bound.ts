import { type Mutation, on } from './mutation.ts'

const SRC = 'packages/strongroom/src'
const suiteOf = (suite: string) => (file: string) => on(`test/device-bound/${suite}.test.ts`, `${SRC}/${file}.ts`)
const [flow, refusals, options, unbound, trouble] = ['binding', 'refusals', 'options', 'unbound', 'trouble'].map(
  suiteOf,
) as [Of, Of, Of, Of, Of]
type Of = ReturnType<typeof suiteOf>

const cookie = flow('device-bound/cookie')
const binding = flow('device-bound/binding')
const requests = flow('device-bound/requests')
const proof = refusals('device-bound/proof')
const refused = refusals('device-bound/requests')
const limits = unbound('device-bound/binding')
const checked = options('device-bound/device-bound')

/** Mistakes in sessions that belong to one device. */
export const deviceBoundMutations: readonly Mutation[] = [
  binding(
    'device: a bound session that opens without its device cookie',
    "if (typeof proof === 'number') return found",
    "if (typeof proof === 'number' || found) return found",
  ),
  binding(
    'device: a cookie that a request without a proof overwrites',
    "superseded: 'unproven', isRecent: true",
    "superseded: 'unproven', isRecent: false",
  ),
  binding(
    'device: an offer at each request, to anyone who has the cookie',
    'const offers = signedIn && ',
    'const offers = ',
  ),
  binding('device: an offer to a session that is bound already', ' && !loaded.meta.bound?.key\n', '\n'),
  binding(
    'device: a bad cookie that the browser keeps',
    '(state?.provesAgain || provedAt(headers, loaded) === null)',
    'state?.provesAgain === true',
  ),
  binding(
    'device: a proof that is not made again',
    '(state?.provesAgain || provedAt(headers, loaded) === null)',
    'provedAt(headers, loaded) === null',
  ),
  binding(
    'device: a login of the same user that unbinds the session',
    'before !== null && before.userId === meta.userId ? before.bound?.key : undefined',
    'before !== null && meta.authenticatedAt === before.authenticatedAt ? before.bound?.key : undefined',
  ),
  cookie('device: a cookie that never runs out', 'clock() < until + ON_THE_WAY', 'until > 0'),
  cookie('device: a cookie that is good for every session', '[id, key.id, key.jwk]', "['']"),
  cookie('device: a cookie that is refused while it is on its way', 'ON_THE_WAY = 10_000', 'ON_THE_WAY = 0'),
  cookie(
    'device: a proof that is worth more each time it is sent',
    'const deadline = key.at + lives',
    'const deadline = clock() + lives',
  ),
  cookie(
    'device: a cookie with other attributes than the browser was told',
    'stringifySetCookie({ ...shared, value, maxAge })',
    "stringifySetCookie({ ...shared, sameSite: 'strict', value, maxAge })",
  ),
  requests(
    'device: a proof that is good for ever',
    'before.proofs === number ? { ...before, proofs: number + 1, at }',
    'before.proofs === number ? { ...before, at }',
  ),
  requests('device: a proof that is refused when its response was lost', 'const TWICE = 30_000', 'const TWICE = 0'),
  requests('device: a proof that is accepted as often as it is sent', 'clock() < key.at + TWICE', 'true'),
  requests(
    'device: a binding that a browser keeps after the logout',
    'body: JSON.stringify({ session_identifier: id, continue: false })',
    "body: ''",
  ),
  requests(
    'device: a browser that asks for a challenge and gets none',
    'if (field === undefined) return { status: 403, headers: [challengeFor(loaded.ref, key)],',
    'if (field === undefined) return { status: 403, headers: [],',
  ),
  flow('backing/entries')(
    'device: a list that does not notice that a session was bound',
    ' &&\n  isBound(a) === isBound(b)\n',
    '\n',
  ),
  flow('crypto/seal')('device: a label without it', '  if (bound) parts.push(1)\n', ''),
  flow('admin/inspect')(
    'device: an operator who does not see it',
    'opened?.bound === true',
    'opened?.bound === undefined',
  ),
  proof('device: a proof of any type', "if (typ !== 'dbsc+jwt') return { refused: 'malformed' }\n", ''),
  proof(
    'device: a key with its private part',
    "if (PRIVATE.some((name) => name in jwk)) return { refused: 'key' }\n",
    '',
  ),
  proof('device: an RSA key whose exponent signs everything', " && e === 'AQAB'", ''),
  proof('device: an algorithm that the thief chooses', "if (head.alg !== alg) return { refused: 'algorithm' }\n", ''),
  proof(
    'device: a challenge that is no string',
    "if (typeof jti === 'string' && (aud === undefined || typeof aud === 'string')) return { jti, aud }",
    "if (aud === undefined || typeof aud === 'string') return { jti: jti as string, aud }",
  ),
  refused(
    'device: a registration for any challenge',
    "if (offers.numberOf(proof.jti, registrationOf(ref, meta)) !== 0) return { refused: 'challenge' }\n",
    '',
  ),
  refused(
    'device: a challenge of an earlier login',
    "'registration',\n  cookie.id,\n",
    "'registration',\n  cookie.id,\n].slice(0, 2) as string[] || [",
  ),
  refused('device: an address that nobody looks at', 'aud !== undefined && aud !==', "aud === '' && aud !=="),
  refused(
    'device: a second key that takes the session over',
    'saveKey(loaded, (before) => before ?? made)',
    'saveKey(loaded, () => made)',
  ),
  refused(
    "device: another key that is told to be the session's",
    "if (key.jwk !== given.jwk) return refused(loaded, 'registration', 'bound')\n",
    '',
  ),
  refused('device: a key for nobody', ' || loaded.meta.userId === null) return', ') return'),
  refused('device: an alarm for a challenge that is too old', "if (number !== 'expired') refused", 'refused'),
  refused(
    'device: a proof that is refused without a word',
    "(handle) => ({ type: 'proofRefused', handle, what, reason })",
    "(handle) => ({ type: 'absent', handle })",
  ),
  refusals('device-bound/challenge')(
    'device: an offer without an end',
    "clock() < opened.deadline ? Number(opened.text) : 'expired'",
    'Number(opened.text)',
  ),
  refusals('device-bound/fields')(
    'device: a header of any length',
    'field === undefined || field.length > LONGEST',
    'field === undefined',
  ),
  refusals('device-bound/own')('device: a GET that does something', "if (method !== 'POST')", "if (method === 'PUT')"),
  refusals('device-bound/own')('device: a page of another site', "=== 'cross-site'", "=== 'cross'"),
  limits('device: an unbound session that lives as long as any', 'deadline: Math.min(deadline, end),', 'deadline,'),
  limits(
    'device: an unbound session that is idle as long as any',
    'idle === 0 ? limits.idle : Math.min(idle, limits.idle)',
    'idle',
  ),
  limits(
    'device: a session that keeps the limits when it is bound',
    'return { ...meta, ...bound.full,',
    'return { ...meta,',
  ),
  limits(
    'device: an anonymous session with the limits of users',
    'limits === null || userId === null || bound?.key',
    'limits === null || bound?.key',
  ),
  limits(
    'device: a session from before the option that is not held to it',
    "return end !== null && facts.clock() >= end ? { expired: 'absolute' } : found",
    'return found',
  ),
  unbound('device-bound/requests')(
    'device: a session cookie that ends with the limits of an unbound session',
    'if (!meta.persistent || meta.deadline === before.deadline) return []',
    'if (meta.persistent) return []',
  ),
  trouble('device-bound/own')(
    'device: a store that is down, and every browser forgets its key',
    'Math.max(error.status, 503)',
    '404',
  ),
  trouble('device-bound/requests')(
    'device: a renewal that is under way, and the browser forgets its key',
    'found.loaded === null && found.superseded?.isRecent === true',
    'false',
  ),
  trouble('device-bound/requests')(
    'device: a secret that is missing, and the browser forgets its key',
    "found === 'unknown-key' || (found.loaded",
    "(found !== 'unknown-key' && found.loaded",
  ),
  trouble('device-bound/requests')(
    'device: a proof that writes what dataSchema shows',
    'changes: { ...NO_CHANGES, text: loaded.data }',
    "changes: { ...NO_CHANGES, text: '{}' }",
  ),
  flow('request/new-state')(
    'device: a session that is called bound where nobody asks for a proof',
    'if (binding) state.deviceProof = () => binding.provedAt(headers, found().loaded)',
    'state.deviceProof = () => found().loaded?.meta.bound?.key?.at ?? null',
  ),
  flow('request/plan')(
    'device: a thief with the session cookie alone who ends it by a login of his own',
    'superseded?.proof === undefined || superseded.ends?.isOf(intent.userId) ? superseded?.ends : null',
    'superseded?.ends ?? null',
  ),
  flow('request/save')(
    'device: a request from before the binding that saves without a proof',
    "if (!newer || context.binding?.isUnproven(newer, task.headers)) return 'gone'",
    "if (!newer) return 'gone'",
  ),
  flow('device-bound/requests')(
    'device: an offer that a new proof of the user makes worthless',
    '{ createdAt }: Meta',
    '{ authenticatedAt: createdAt }: Meta',
  ),
  flow('device-bound/requests')('device: a proof that takes the address out of the list', '    addresses: null,\n', ''),
  flow('request/peek')(
    'device: a page that takes a missing proof for the end of the session',
    'if (stateOf(session).awaitsProof)',
    'if (stateOf(session).awaitsProof && session.userId)',
  ),
  flow('session/fresh')(
    'device: the next user of a browser, with the proof of the one before',
    'goesOn ? (deviceProof',
    'goesOn || deviceProof ? (deviceProof',
  ),
  flow('device-bound/binding')(
    'device: a thief who is let in by the proof that his victim makes',
    "return typeof proof === 'number' ? proof : null",
    "return typeof proof === 'number' ? (loaded?.meta.bound?.key?.at ?? null) : null",
  ),
  flow('device-bound/requests')(
    'device: proofs that keep a session alive that nobody uses',
    'const isStill = loaded.meta.bound?.key !== undefined',
    'const isStill = loaded === null',
  ),
  checked(
    'device: sessions in cookies that stay unbound',
    'if (store === null)',
    'if (store === null && namespace === null)',
  ),
  checked('device: bearer tokens that nobody binds', 'if (transport.other)', 'if (transport.other && store === null)'),
  checked(
    'device: a cookie that would be sent over http',
    'if (!transport.secure)',
    'if (!transport.secure && store === null)',
  ),
  checked(
    'device: a cookie that no browser would renew',
    '!/^__(?:host|secure)-(?!http-)/i.test(name)',
    '!/^__(?:host|secure)-/i.test(name)',
  ),
  checked('device: a renewal that browsers refuse', 'every >= LEAST && every <= MOST', 'every <= MOST'),
  options('request/binding')(
    'device: any object for deviceBound()',
    "typeof given?.bindingFor === 'function'",
    "typeof given === 'object'",
  ),
  ...(['node', 'express', 'fetch', 'hono', 'koa', 'fastify', 'elysia'] as const).map((name) =>
    on(`test/adapters/${name === 'express' ? 'express5' : name}.test.ts`, `${SRC}/adapters/${name}.ts`)(
      `device: a request of the browser that ${name} gives to the application`,
      'sessions.ownRequests?.',
      '(null as typeof sessions.ownRequests)?.',
    ),
  ),
]
