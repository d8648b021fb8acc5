// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources

import { type Mutation, on } from './mutation.ts'

const at = (file: string) => on('test/core/signals.test.ts', `packages/strongroom/src/${file}.ts`)
const compared = at('request/signal-values')
const decided = at('request/signals')
const overHttp = (file: string) => on('test/adapters/signals.test.ts', `packages/strongroom/src/${file}.ts`)

/** Mistakes in what notices that a session is used from elsewhere. */
export const signalMutations: readonly Mutation[] = [
  compared('signals: an update of the browser that is a change', ".toLowerCase() !== 'notabrand'", " !== 'notabrand'"),
  compared('signals: brands in another order that are a change', '.filter(Boolean).sort()', '.filter(Boolean)'),
  compared('signals: versions that are taken for brands', String.raw`\s*(?:;\s*v="[^"]*")?/g`, '/g'),
  compared('signals: a header that is missing, as a change', "value !== '' && known.length > 0", 'known.length > 0'),
  compared('signals: what was never known, as a change', ' && known.length > 0 && ', ' && '),
  compared(
    'signals: all programs as one',
    "?? /^[\\w.-]+/.exec(userAgent)?.[0].slice(0, LONGEST_WORD) ?? 'other'",
    "?? 'other'",
  ),
  compared('signals: headers that are stored as long as they are', '.slice(0, LONGEST_WORD) ??', ' ??'),
  compared('signals: characters that separate what is stored', ".replace(/[^\\w .-]/g, '')", ''),
  compared('signals: a list that grows with each change', '.slice(1 - REMEMBERED)', ''),
  compared(
    'signals: a login that is forgotten after a few changes',
    '  first,\n  ...[...others, value].slice(1 - REMEMBERED),',
    '  ...[first, ...others, value].slice(-REMEMBERED),',
  ),
  compared(
    'signals: a write that makes a change known which nobody was told of',
    'known.length > 0 || !present[at] ? known : [present[at]]',
    '!present[at] ? known : [...new Set([...known, present[at]])]',
  ),
  decided(
    'signals: a change that is told at each request',
    'signals: remembered(before.signals, present)',
    'signals: before.signals',
  ),
  decided(
    'signals: a change that is told once for each request of a page',
    'const copy = await context.backing.load(cookie, { fresh: true, wasLoaded: true })',
    'const copy = loaded',
  ),
  decided(
    'signals: a change that is told before it is known to be stored',
    "    if (noted === 'conflict') continue\n    tell(signal, outcome, context)",
    "    tell(signal, outcome, context)\n    if (noted === 'conflict') continue",
  ),
  decided('signals: a step-up that asks for nothing', '({ ...meta, proofs: [] })', '({ ...meta })'),
  decided(
    'signals: a step-up that nobody stores',
    'const next = await backing.update(ref, { meta, data },',
    'const next = await backing.update(ref, { meta: noted, data },',
  ),
  decided(
    'signals: a step-up that is lost where it cannot be stored',
    "    if (error instanceof StoreError) emit({ type: 'storeError', error })\n    return unsaved",
    "    if (error instanceof StoreError) emit({ type: 'storeError', error })\n    return { ...unsaved, meta: before }",
  ),
  decided(
    'signals: a deadline that a signal moves',
    '{ meta, data }, ref.expiresAt,',
    '{ meta, data }, ref.expiresAt + 60_000,',
  ),
  decided('signals: an end that is told and not done', 'if (!(await context.backing.end(ref))) return null', ''),
  decided(
    'signals: an end of which sockets hear nothing',
    "  revoked({ context, userId: signal.userId }, ref, 'revoke')\n",
    "  if (context.emit.wanted()) context.emit({ type: 'revoked', handle: signal.handle, count: 1, reason: 'revoke' })\n",
  ),
  decided(
    'signals: an end of which nobody knows whose session it was',
    '{ context, userId: signal.userId }',
    '{ context }',
  ),
  decided(
    'signals: a session that was ended and is shown all the same',
    'return now ? { ...found, loaded: now } : afterEnd(found, { loggedOut: false }, null)',
    'return { ...found, loaded: now ?? loaded }',
  ),
  decided(
    'signals: a visitor who can begin nothing where a session was ended',
    'afterEnd(found, { loggedOut: false }, null)',
    "{ ...found, loaded: null, superseded: { superseded: 'renewed' as const, isRecent: true, ends: null } }",
  ),
  decided(
    'signals: an application that can hold a request for ever',
    'await ask(() => onSignal(signal))',
    'await onSignal(signal)',
  ),
  decided(
    'signals: a misspelt outcome that ends a session',
    "if (given === 'stepUp' || given === 'end') return given",
    "if (given !== undefined) return given as 'end'",
  ),
  decided(
    'signals: what is stored of an anonymous visitor',
    'if (meta.userId === null) return withoutSignals(meta)',
    '',
  ),
  decided(
    'signals: what stays after the option was removed',
    'if (given === undefined) return { note: withoutSignals }',
    'if (given === undefined) return { note: (meta) => meta }',
  ),
  decided(
    'signals: an option that is accepted where nothing can be stored',
    'if (parts.namespace === null)',
    'if (false as boolean)',
  ),
  decided('signals: a network in the events', 'from: from.family, to: to.family', 'from: from.network, to: to.network'),
  at('adoption/visitors')(
    'signals: an adopted session that begins with the thief',
    'context.signals?.note(noted, request) ?? noted',
    'noted',
  ),
  at('request/visit')(
    'signals: a cookie that says what was seen and is not sent',
    'found.loaded && found.loaded.ref.cookie.text !== before?.text',
    'found.loaded && before === null',
  ),
  at('worker')('signals: an option that a Worker ignores', "  'signals',\n]", ']'),
  overHttp('request/addresses')('signals: a network that nobody reads', '    of: read,\n', '    of: null,\n'),
  overHttp('request/signals')(
    'signals: a platform that is not compared',
    "header(headers, 'sec-ch-ua-platform')",
    'undefined',
  ),
  overHttp('request/signals')(
    'signals: an application that does not learn of which request it is',
    '      ageMs: context.clock() - meta.createdAt,\n      request,',
    '      ageMs: context.clock() - meta.createdAt,\n      request: null,',
  ),
]
