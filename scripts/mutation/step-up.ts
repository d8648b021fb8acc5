import { type Mutation, on } from './mutation.ts'

const SOURCE = 'packages/strongroom/src'
const by = (suite: string) => (file: string) => on(`test/${suite}.test.ts`, `${SOURCE}/${file}.ts`)
const core = by('core/step-up')
const fresh = core('session/fresh')
const proof = core('session/proof')
const bridge = (file: string) => on('test/django/step-up.test.ts', `packages/django/src/${file}.ts`)

/** Mistakes by which an old or weak proof of who a user is would pass for a fresh or strong one, or a good one be lost. */
export const stepUpMutations: readonly Mutation[] = [
  fresh('step-up: a proof that is never too old', "return at < since ? 'stale' : null", 'return null'),
  fresh('step-up: a proof that is refused at the last moment of its time', 'at < since', 'at <= since'),
  fresh(
    'step-up: an old strong proof that a new weak one makes fresh',
    'all.findLast((one) => one[1] >= requiredLevel)',
    '(all.some((one) => one[1] >= requiredLevel) ? all.at(-1) : undefined)',
  ),
  fresh('step-up: a level that nobody looks at', 'one[1] >= requiredLevel', 'one[1] >= LOWEST'),
  fresh(
    'step-up: an adopted session whose login counts as one of now',
    'proofs ?? (authenticatedAt === null ? [] : ',
    'proofs ?? (authenticatedAt === null ? [[8.64e15, LOWEST, null]] : ',
  ),
  fresh('step-up: a connection whose proof never gets old', 'state.clock()', 'state.now'),
  fresh('step-up: an outage that looks like a logout', 'if (state.isStandIn)', 'if (state.isStandIn && userId)'),
  fresh('step-up: a session without a device that passes for a bound one', "return 'unbound'", 'return null'),
  fresh('step-up: a device whose proof never gets old', 'at >= since', 'at > 0'),
  fresh('step-up: a device that is not asked for a new proof', '  state.provesAgain = true\n', ''),
  fresh(
    'step-up: a proof that moves nothing',
    'authenticatedAt: now, proofs: withProofs',
    'authenticatedAt: meta.authenticatedAt, proofs: withProofs',
  ),
  proof(
    'step-up: a strong proof that a weak one takes away',
    'proofs.filter((one) => one[1] > level)',
    'proofs.filter((one) => one[1] > 9 + level)',
  ),
  proof('step-up: a list of proofs that grows with each', 'one[1] > level', 'one[1] >= level'),
  proof('step-up: a level between two levels', 'Number.isInteger(level)', 'Number.isFinite(level)'),
  core('session/state')(
    'step-up: a login that has the level of the session before',
    '    this.proofs = options.method === undefined && options.level === undefined ? NO_PROOFS : [options]\n',
    '    if (options.method !== undefined || options.level !== undefined) this.proofs = [options]\n',
  ),
  fresh(
    'step-up: a visitor who was signed out, and has proved something',
    'added.length === 0 || meta.userId === null',
    'added.length === 0',
  ),
  core('session/state')(
    'step-up: a proof without a new token',
    '    this.requestRenewal()\n    this.proofs = ',
    '    this.proofs = ',
  ),
  core('session/state')(
    'step-up: a proof that each later save of its request gives again',
    '    this.proofs = NO_PROOFS\n    this.loggedOut = false\n',
    '    this.loggedOut = false\n',
  ),
  core('session/checkpoint')(
    'step-up: the level of a login that was refused',
    'credentialChange, proofs },',
    'credentialChange },',
  ),
  fresh('step-up: a proof of nobody', 'if (userId !== null) return\n', 'if (userId !== "") return\n'),
  core('session/content')(
    'step-up: proofs that are forgotten with the process',
    '  if (meta.proofs !== undefined) head +=',
    '  if (meta.proofs === null) head +=',
  ),
  core('session/csrf')(
    'step-up: a proof that closes the forms in other tabs',
    'meta.authenticatedAt && meta.createdAt]',
    'meta.authenticatedAt]',
  ),
  core('request/save')(
    'step-up: a proof that logs cannot tell from a renewal',
    "{ reason: 'step-up', method",
    "{ reason: 'renew' as never, method",
  ),
  core('request/audit')(
    'step-up: an event of a proof without its user',
    "event.reason === 'step-up' ? state.meta?.userId : null",
    'null',
  ),
  by('adapters/express5')('errors')(
    'step-up: a refusal that is an error of the server',
    "readonly code = 'STRONGROOM_FRESH_LOGIN'\n  override readonly status = 401",
    "readonly code = 'STRONGROOM_FRESH_LOGIN'\n  override readonly status = 500",
  ),
  by('frameworks/sveltekit/suite')('session/fresh')(
    'step-up: a refusal that a framework hides behind a 500',
    '  state.refused(error)\n',
    '',
  ),
  by('passport/step-up')('passport/passport')(
    'step-up: a login of Passport that fails after it has ended the session before',
    "    checkProof('login', login)\n",
    '',
  ),
  bridge('proofs')('step-up: the proof of another user of Django', 'user === userId && ', ''),
  bridge('proofs')(
    'step-up: what is no proof, in a session of Django',
    ' && isProofs(proofs) ? proofs',
    ' ? (proofs as never)',
  ),
  bridge('proofs')(
    'step-up: a proof that outlives the login of somebody else at Django’s side of the bridge',
    'userId === null || proofs.length === 0 ? null',
    'userId === null ? null',
  ),
  bridge('records')(
    'step-up: a login at Django that counts as one of the moment when the session was saved last',
    '(proofs?.at(-1)?.[0] ?? null)',
    '(proofs?.at(-1)?.[0] ?? savedAt)',
  ),
  bridge('records')('step-up: proofs that Django does not keep', '...proofChange(meta), ', ''),
  bridge('document')("step-up: proofs that are among an application's data", 'USER_HASH, PROOF]', 'USER_HASH]'),
]
