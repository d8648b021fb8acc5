// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources
import { type Mutation, on } from './mutation.ts'

const source = (file: string) => `packages/strongroom/src/${file}.ts`
const origin = on('test/csrf/origin.test.ts', source('http/csrf'))
const matrix = (file: string) => on('test/csrf/matrix.test.ts', source(file))
const token = (file: string) => on('test/csrf/token.test.ts', source(file))
const attack = (file: string) => on('test/csrf/attack.test.ts', source(file))
const counted = (file: string) => on('test/figures/figures.test.ts', source(file))
const fresh = on('test/core/fresh.test.ts', source('request/visit'))
const kept = (file: string) => on('test/figures/history.test.ts', source(file))

/** Requests of other sites that pass, and tokens that outlive what they belong to. */
export const requestMutations: readonly Mutation[] = [
  on('test/core/limit.test.ts', source('request/visit'))(
    'a refused login that takes the data of the user who stays',
    'state.takeBackLogin?.()\n',
    '',
  ),
  on('test/core/sweeper.test.ts', source('admin/sweeps'))(
    'copies of expired sessions that stay in a process for ever, where the store needs no sweep',
    'backing.forgetExpired?.()\n    return swept?.clearCopies?.({ signal })',
    'backing.forgetExpired?.()\n    return signal.aborted ? undefined : undefined',
  ),
  on('test/core/sweeper.test.ts', source('engines/cached/store'))(
    'copies in a cache behind another one, which no sweep reaches',
    'await durable.clearCopies?.(options)\n',
    '\n',
  ),
  fresh(
    'a fresh session that comes from a copy',
    'this.#loading ??= this.#load({ fresh })',
    'this.#loading ??= this.#load()',
  ),
  fresh(
    'a fresh session that is the one which was loaded from a copy before',
    'fresh && before ? before.then((session) => this.#loadAgain(session)) : this.#loading',
    'this.#loading',
  ),
  fresh(
    'a session that has ended, and that goes on for those who have it already',
    '} else this.#forget(state)\n    return session',
    '}\n    return session',
  ),
  fresh(
    'a change that is lost because it was made while the store was asked again',
    'if (this.#found.loaded !== before || this.#hasChanges(state)) return this.#loadAgain(session)',
    'if (this.#found.loaded !== before) return this.#loadAgain(session)',
  ),
  matrix('http/csrf')(
    "a neighbour's page that counts as the own one",
    "if (site === 'same-origin') return",
    "if (site?.startsWith('same-')) return",
  ),
  matrix('http/csrf')(
    'a value of Sec-Fetch-Site that nobody knows, and that passes',
    "if (site !== undefined && site !== 'none') return 'cross-site'",
    "if (site === 'cross-site' || site === 'same-site') return 'cross-site'",
  ),
  matrix('http/csrf')(
    'a foreign Origin that needs no more than a token',
    "return own(origin) ? 'pass' : 'origin'",
    "return own(origin) ? 'pass' : 'unknown'",
  ),
  matrix('http/csrf')('a POST that counts as safe', "'OPTIONS', 'TRACE']", "'OPTIONS', 'TRACE', 'DELETE']"),
  origin(
    'the opening of a WebSocket that nobody checks',
    'SAFE.has(method) && !isHandshake(headers)',
    'SAFE.has(method)',
  ),
  origin(
    'an origin that only begins like the own one',
    '?.host !== url.host) return false',
    '?.host.includes(url.hostname) === false) return false',
  ),
  origin(
    'a page of http:// that anyone on the network can write',
    '!encrypted && (!secureCookie || isLoopback(url.hostname))',
    '!encrypted || isLoopback(url.hostname)',
  ),
  origin('a page of http:// that acts on a server with TLS', '(!encrypted && (!secureCookie', '((!secureCookie'),
  origin('a trusted domain that any name may end like', 'end: `.${exactOrigin', 'end: `${exactOrigin'),
  origin(
    'a foreign Referer that is not looked at',
    "policy.trusts(from) || own(from) ? 'unknown' : 'referer'",
    "policy.trusts(from) || own(from) ? 'unknown' : 'unknown'",
  ),
  matrix('http/csrf')(
    'a session that any token opens',
    "return isTokenOf(ring, subject, sent) ? null : 'token'",
    "return isTokenOf(ring, subject, sent) ? null : subject ? null : 'token'",
  ),
  attack('http/csrf')(
    'a body that is read for a cookie that is made up',
    "      if (!subject) return 'token'\n",
    "      if (!subject) await read?.(field)\n      if (!subject) return 'token'\n",
  ),
  attack('http/csrf')(
    'a WebSocket among other protocols that nobody checks',
    '(?:^|[\\s,;])websocket(?:$|[\\s,;/])',
    '^websocket$',
  ),
  attack('adapters/shared/fetch-facts')(
    'a form that keeps the server busy with names without a value',
    'return bytes ? urlencodedField(await bytes.text(), name) : undefined',
    'return bytes ? new URLSearchParams(await bytes.text()).get(name) : undefined',
  ),
  attack('adapters/shared/fetch-facts')(
    'a field whose name is encoded, and that is not found',
    '(/[%+]/.test(given) && nameIn(given) === name)',
    'given === `%${name}`',
  ),
  token('request/csrf')(
    "another framework's cookie that forged requests can ride on",
    "context.adoption === null ? hasToken(context, headers) : header(headers, 'cookie') !== undefined",
    'hasToken(context, headers)',
  ),
  token('session/csrf')(
    'a token that survives a login of the same user',
    "return ['session', ref.cookie.id, meta.authenticatedAt && meta.createdAt]",
    "return ['session', ref.cookie.id, null]",
  ),
  token('session/csrf')(
    'a token in the response to a login that dies with that response',
    " || intent?.verb === 'login') return null",
    ') return null',
  ),
  on('test/django/csrf.test.ts', source('session/csrf'))(
    'a stored value that survives a login',
    "return ['value', value, userOf(state)]",
    "return ['value', value, null]",
  ),
  token('session/session')('a value of the login before that serves the next one', '    dropCsrfValue(state)\n', ''),
  token('crypto/csrf')(
    'a token that is the same on each page',
    'const mask = randomBytes(SECRET)\n',
    'const mask = Buffer.alloc(SECRET)\n',
  ),
  token('crypto/csrf')(
    'forms that a rotation of the secrets closes',
    'ring.masters.some((master) =>',
    '[ring.current].some((master) =>',
  ),
  token('request/visit')('a page with a token in a shared cache', 'this.#madeToken = true\n', '\n'),
  token('adapters/shared/fetch-facts')('an upload that fills the memory', 'if (size > most) {', 'if (size < 0) {'),
  token('assemble')(
    'a store that is down and looks like a forged request',
    "visitOf(request).get({ onStoreError: 'throw' })",
    'visitOf(request).get()',
  ),
]

/** Figures that are wrong, and nobody sees it. */
export const figureMutations: readonly Mutation[] = [
  kept('figures/figures')(
    'an operator’s store calls that are taken for the application’s',
    '...(calls && { call:',
    '...(calls !== null && { call:',
  ),
  kept('figures/figures')(
    'an operator’s store failures that are taken for the application’s',
    "if (calls || event.type !== 'storeError') this.#counter.event(event)",
    'this.#counter.event(event)',
  ),
  kept('figures/figures')(
    'read-only figures that write to the store',
    'if (this.#history && !this.#readOnly) {',
    'if (this.#history) {',
  ),
  kept('figures/figures')(
    'figures that report a failure for a minute after it is over',
    'this.#problem.read = null\n',
    '\n',
  ),
  kept('figures/history')('a write that is counted twice', 'if (this.#isIn(writers, sequence)) return\n', '\n'),
  kept('figures/history')(
    'a process that writes over what another has counted',
    'addBlock(points, block)\n      const entry',
    'points.clear()\n      addBlock(points, block)\n      const entry',
  ),
  kept('figures/history')(
    'a write that lost its race and is forgotten',
    '(await store.update(id, entry, found.version)) !== null',
    '(await store.update(id, entry, found.version)) !== undefined',
  ),
  kept('figures/point')('a name in the store that changes every object', 'hasOwnNames(calls) &&', ''),
  counted('figures/blocks')('figures that grow while nobody flushes', 'this.prune(at)\n', '\n'),
  kept('figures/history')(
    'what was altered and counts as nothing',
    "throw new AlteredError('Figures in the store were altered",
    "if (entry.owner === null) return { writers: {}, points: new Map() }\n  throw new AlteredError('Figures in the store were altered",
  ),
  kept('figures/history')(
    'an entry that outgrows the store',
    'if (encoded.length <= this.#place.limit) break',
    'if (encoded.length >= 0) break',
  ),
  kept('figures/history')(
    'applications that are counted together',
    'JSON.stringify([this.#place.namespace, scale, start])',
    'JSON.stringify([scale, start])',
  ),
  kept('backing/own-entries')(
    'figures that are taken for keys',
    'FIGURES: Uint8Array = Uint8Array.of(8)',
    'FIGURES: Uint8Array = Uint8Array.of(8, 8)',
  ),
  counted('figures/counter')(
    'a login that is not counted',
    "event.type === 'renewed' && event.reason === 'login'",
    "event.type === 'renewed' && event.reason === 'renew'",
  ),
  counted('figures/counter')(
    'a refused proof that is not counted',
    "proofRefused: 'proofsRefused'",
    'proofRefused: null',
  ),
  counted('figures/counter')(
    'a storm of visitors that counts as one',
    "if (event.type === 'cleared' || event.type === 'anonymousRefused')",
    "if (event.type === 'anonymousRefused') this.#add(event.type, 1)\n    else if (event.type === 'cleared')",
  ),
  counted('figures/counter')(
    'an interval that never ends',
    'at < startedAt + FINEST.every) return',
    'at < startedAt + 10 * FINEST.every) return',
  ),
  counted('figures/sample')(
    'a sample that walks a whole store',
    'if (count >= MOST || performance.now() > until) return',
    'if (count < 0) return',
  ),
  counted('figures/latency')('percentiles that are off by a half', 'const PER_OCTAVE = 4', 'const PER_OCTAVE = 1'),
  counted('figures/blocks')(
    'figures that fill the memory',
    'if (name.start + block < now - span) this.#blocks.delete(key)',
    'if (name.start < 0 && block < now - span) this.#blocks.delete(key)',
  ),
  counted('backing/guard')('a call that failed and counts as answered', '() => over(true),', '() => over(false),'),
]
