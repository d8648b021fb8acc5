import { type Mutation, on } from './mutation.ts'

const source = (file: string) => `packages/strongroom/src/${file}.ts`
const siteData = (file: string) => on('test/core/site-data.test.ts', source(file))
const keep = (file: string) => on('test/core/keep.test.ts', source(file))
const guessing = (file: string) => on('test/core/guessing.test.ts', source(file))
const guesser = (file: string) => on('test/fault-injection/guessing.test.ts', source(file))
const anonymous = (file: string) => on('test/core/anonymous.test.ts', source(file))

/** Mistakes in what is around a session: what a logout clears, what a login keeps, who guesses tokens, and what anonymous visitors may have. */
export const aroundMutations: readonly Mutation[] = [
  siteData('session/site-data')(
    'Clear-Site-Data: everything, cookies of the whole domain included, where it was not named',
    "if (given.includes('*')) return",
    'if (given.length === 0) return',
  ),
  siteData('session/site-data')(
    'Clear-Site-Data: an option that a logout cannot switch off',
    'return kinds ? headerOf(kinds) : standard',
    'return kinds?.length ? headerOf(kinds) : standard',
  ),
  siteData('session/site-data')(
    'Clear-Site-Data: sent over http',
    'if (!secure || other) return null',
    'if (other) return null',
  ),
  siteData('session/site-data')(
    'Clear-Site-Data: a kind that no browser knows',
    'given.every((kind) => KINDS.includes(kind))',
    'given.length > 0',
  ),
  siteData('request/visit')(
    'Clear-Site-Data: sent by a logout that has failed',
    'clearSiteData: this.#clearSiteData }',
    'clearSiteData: this.#session && stateOf(this.#session).siteData }',
  ),
  on('test/adapters/node.test.ts', source('adapters/shared/outcome'))(
    'Clear-Site-Data: sent in place of what the application clears itself',
    "headers.append('Clear-Site-Data', clearSiteData)",
    "headers.set('Clear-Site-Data', clearSiteData)",
  ),
  on('test/adapters/node.test.ts', source('adapters/shared/outcome'))(
    'Clear-Site-Data: a response with it that may be cached',
    'headers !== undefined ||\n  clearSiteData !== undefined',
    'headers !== undefined',
  ),
  keep('session/session')(
    'keep: the option that decides about the data of another user',
    "previousUserId === null ? state.signIn?.keep : previousUserId === userId ? 'all' : 'none'",
    'state.signIn?.keep',
  ),
  keep('session/merge')(
    'keep: a parallel request that loses what it has added to the basket',
    "if (edit.kind === 'keep') continue\n",
    "if (edit.kind === 'keep') {\n      continue\n    }\n    if (kept) return newer\n",
  ),
  keep('session/merge')(
    'keep: what a parallel request has saved, which survives a login that keeps nothing of it',
    'cleared ? (kept?.(newer) ?? {}) : { ...newer }',
    'cleared && !kept ? {} : { ...newer }',
  ),
  keep('session/keep')(
    'keep: what the request itself had put into the basket before the login, lost when a parallel request saves',
    'applyChanges(before(), newer)',
    '{ ...newer }',
  ),
  keep('session/changes')(
    'keep: a change in place after the login that is lost',
    "edit?.kind === 'update' || edit?.kind === 'keep'\n",
    "edit?.kind === 'update'\n",
  ),
  keep('session/keep')(
    'keep: what a newer version has stored, dropped by a function that cannot see it',
    'previousUserId === null || previousUserId === userId\n',
    'previousUserId === userId\n',
  ),
  keep('session/keep')(
    'keep: what nobody sees of one user, handed to another',
    'previousUserId === null || previousUserId === userId\n',
    'userId\n',
  ),
  keep('session/keep')('keep: a promise that counts as data', " || 'then' in chosen", ''),
  keep('session/session')(
    'keep: a function that fails, and has cleared the session before',
    'const kept = state.signIn?.keptBy(state, keep, login)\n    this.clear()\n',
    'this.clear()\n    const kept = state.signIn?.keptBy(state, keep, login)\n',
  ),
  guessing('request/guessing')('guessing: a network that is told of again and again', 'counts.told = true\n', ''),
  guessing('request/guessing')(
    'guessing: a window that never ends',
    'now >= before.since + this.settings.window',
    'now < 0',
  ),
  guessing('request/guessing')(
    'guessing: an old cookie of a browser that counts with each request',
    'if (this.#seen.get(key) !== counts.since) counts[kind]++',
    'counts[kind]++',
  ),
  guessing('request/guessing')(
    'guessing: a signed-in user who is held back for what others do',
    'if (hasSession || tally.held >= MOST_HELD) return null',
    'if (tally.held >= MOST_HELD) return null',
  ),
  guessing('request/visit')(
    'guessing: a request with a session that counts as one without',
    'settle(this.#context, this.#found.loaded !== null)',
    'settle(this.#context, false)',
  ),
  guessing('request/guessing')(
    'guessing: requests without number that wait in memory',
    'tally.held >= MOST_HELD',
    'tally.held < 0',
  ),
  guessing('request/guessing')('guessing: a delay of any length', 'return Math.min(ms, LONGEST_DELAY)', 'return ms'),
  guessing('request/guessing')(
    'guessing: a token of a session that is not there, which counts as none',
    "if (isEnded) this.#add('unknown', id)\n    else if",
    'if (result === null) return\n    if',
  ),
  guessing('request/guessing')(
    'guessing: a cookie under a missing secret that counts as made up',
    "if (reason === 'forged' || reason === 'malformed') this",
    'if (reason) this',
  ),
  guesser('request/guessing')(
    'guessing: a network for each token, which fills the memory',
    'this.#counts = new Memo(settings.networks)',
    'this.#counts = new Memo(Infinity)',
  ),
  guesser('request/guessing')(
    'guessing: a client that has left, and is waited for',
    'stop = onLeaving(request, end)\n',
    'stop()\n',
  ),
  guesser('request/leaving')(
    'guessing: a client of a Fetch handler that has left, and is waited for',
    "signal.addEventListener('abort', left)",
    'void left',
  ),
  anonymous('request/next-meta')(
    'anonymous: a login that has the short lifetimes of nobody',
    '...newLifetime(context, now, intent.userId),',
    '...newLifetime(context, now, null),',
  ),
  anonymous('request/next-meta')(
    'anonymous: lifetimes that setExpiry(null) makes those of users',
    'const policy = policyFor(context, userId)',
    'const { policy } = context',
  ),
  anonymous('request/commit')(
    'anonymous: a logout of nobody, by which any number of sessions is created',
    '!hasEnded && context.anonymous',
    'hasEnded && !hasEnded && context.anonymous',
  ),
  anonymous('backing/server')(
    'anonymous: a session that is ended twice, and begun twice in its place',
    'return wasSession && forgetting(',
    'return forgetting(',
  ),
  anonymous('request/commit')(
    'anonymous: a goodbye that is lost in a storm',
    '!hasEnded && context.anonymous',
    'context.anonymous',
  ),
  anonymous('request/anonymous')(
    'anonymous: a request that is refused by save(), and stored by its response',
    'if (request.isRefused) return false\n',
    '',
  ),
  anonymous('request/plan')(
    'anonymous: a session that its visitor has emptied, and that the budget refuses',
    'if (emptied) return',
    'if (emptied && isAdmitted()) return',
  ),
  anonymous('request/anonymous')(
    'anonymous: twice the budget in one minute, around its beginning',
    'const SECONDS = 61',
    'const SECONDS = 31',
  ),
  anonymous('request/anonymous')(
    'anonymous: a clock that jumps back, and hands out the budget once more',
    'this.#bySecond[second % SECONDS] = this.#spent\n',
    'this.#spent = 0\n',
  ),
  anonymous('request/anonymous')(
    'anonymous: an event for each request of a storm',
    'if (this.#timer === undefined) this.#tell()',
    'this.#tell()',
  ),
  anonymous('request/anonymous')(
    'anonymous: lifetimes that are longer than those of users',
    "if (longest > users.absolute) throw tooLong('absolute')\n",
    '',
  ),
]
