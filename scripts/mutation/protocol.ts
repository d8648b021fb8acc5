import { type Mutation, on } from './mutation.ts'

const core = (suite: string, file: string) => on(`test/core/${suite}.test.ts`, `packages/strongroom/src/${file}.ts`)

/** Mistakes that let a session survive its end, or end one that should go on. */
export const protocolMutations: readonly Mutation[] = [
  core('identity', 'backing/server')(
    'a copy of the store that is believed although it does not open',
    "(result === null || 'ref' in result ? result : fresh())",
    'result',
  ),
  core('superseded', 'backing/server')(
    'a login that leaves the old session alive',
    'forgetting(id, async () => (await store.update(id, tombstone, version)) !== null)',
    'forgetting(id, async () => tombstone !== null && version !== null)',
  ),
  core('superseded', 'backing/server')(
    'a tombstone that is gone before the response has arrived',
    'expiresAt: at + IN_FLIGHT',
    'expiresAt: at + 1',
  ),
  core('superseded', 'backing/server')(
    'a page that signs itself out after a renewal',
    'isRecent: clock() < renewedAt * 1000 + IN_FLIGHT',
    'isRecent: false',
  ),
  core('superseded', 'backing/server')(
    'a renewed cookie that can never begin a session again',
    'isRecent: clock() < renewedAt * 1000 + IN_FLIGHT',
    'isRecent: true',
  ),
  core('identity', 'backing/server')(
    'an owner who is filed under another secret, and so escapes an end of all sessions',
    'const owner = was ? was.ref.owner : userId === null ? null : ownerTag(token.master, namespace, userId)',
    'const owner = userId === null ? null : ownerTag(ring.current, namespace, userId)',
  ),
  core('known-keys', 'backing/server')(
    'a session under a key that no server was told of',
    'const registering = register(token, content.meta)\n',
    'const registering = undefined as Promise<void> | undefined\n',
  ),
  core('known-keys', 'backing/server')(
    'a session that outlives the registration of its key',
    'content.meta.deadline > before.meta.deadline && register(token, content.meta)',
    'false',
  ),
  core('rotation', 'backing/server')(
    'a secret that can never be removed, because logins prolong what began under it',
    '(cookie as VerifiedToken).master !== ring.current',
    'ring.get(cookie.id.length) === ring.current',
  ),

  core('revoke-all', 'backing/user-index')(
    'an end of all sessions that does not end the logins that are under way',
    'const { before, after } = await epochs.move(userId)',
    'const before = await epochs.moment(userId)\n    const after = before',
  ),
  core('revoke-all', 'backing/user-index')(
    'sessions that are listed before the epoch moves',
    `const { before, after } = await epochs.move(userId)
    const counts = await Promise.all(
      tags(userId).map(async (tag) => {
        const others = await notSessions(tag)
        return Math.max(0, (await options.ending(tag, () => byOwner.deleteAll(tag, except), except)) - others)
      }),
    )`,
    `const counts = await Promise.all(
      tags(userId).map(async (tag) => {
        const others = await notSessions(tag)
        return Math.max(0, (await options.ending(tag, () => byOwner.deleteAll(tag, except), except)) - others)
      }),
    )
    const { before, after } = await epochs.move(userId)`,
  ),
  core('known-keys', 'backing/user-index')(
    'an end of all sessions that does not see all of them, and does not say so',
    'await registry.assertComplete()\n    const { before, after }',
    'const { before, after }',
  ),
  core('identity', 'backing/user-index')(
    'sessions under a retired secret that are not found',
    'ring.masters.map((master) => ownerTag(',
    '[ring.current].map((master) => ownerTag(',
  ),
  core('revoke-all', 'backing/user-index')(
    'a session that ends the others although it has ended itself',
    '(await options.isLive(except)) ? end(userId, except.cookie.id) : null',
    'end(userId, except.cookie.id)',
  ),
  core('identity', 'backing/user-index')(
    'a tombstone that is listed as a session',
    'listings.filter((one) => isSession(one) && clock() < one.expiresAt)',
    'listings.filter((one) => one !== null && (isSession(one) || clock() < one.expiresAt))',
  ),

  core('login-moment', 'backing/epochs')(
    'an epoch that comes again',
    "const nonce = randomBytes(16).toString('base64url')",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it quotes a source
    'const nonce = `${randomBytes(0).length + Number(epoch.nonce ?? 0) + 1}`',
  ),
  core('login-moment', 'backing/epochs')(
    'an epoch that is read from a copy',
    'userId: string, fresh = true): Promise<Epoch>',
    'userId: string, fresh = false): Promise<Epoch>',
  ),
  core('identity', 'backing/epochs')(
    'an epoch that moves under the current secret only',
    'ring.masters.map(async (master) => ({ kid: master.kid, ...',
    '[ring.current].map(async (master) => ({ kid: master.kid, ...',
  ),
  core('limit', 'backing/epochs')(
    'two logins that are admitted in one turn',
    'if (!(await this.#write(master, userId, next, this.#options.clock() + MARGIN))) return false',
    'await this.#write(master, userId, next, this.#options.clock() + MARGIN)',
  ),

  core('known-keys', 'backing/key-registry')(
    'a secret that is called missing before its provider was asked',
    'if (found.length > 0 && (await this.#options.ring.refresh())) found = await missing()',
    'if (found.length < 0) found = await missing()',
  ),
  core('known-keys', 'backing/key-registry')(
    'a registration that is lost to one that was made in parallel',
    'if (before >= until || (await this.#write(registered, found))) {',
    'if (before < until) await this.#write(registered, found)\n      if (before <= until) {',
  ),
  core('known-keys', 'backing/key-registry')(
    'a removed secret that is missed for ever',
    'clock() < until && ring.get(kid) === undefined',
    'ring.get(kid) === undefined',
  ),
  core('known-keys', 'backing/key-registry')(
    'a registration that ends before the last session under its key',
    'this.#register(kid, until + ONE_DAY)',
    'this.#register(kid, until - 2 * ONE_DAY)',
  ),

  core('revocations', 'backing/revocations')(
    'a tombstone that a server with a faster clock sweeps too soon',
    'Math.max(found?.entry.expiresAt ?? 0, until + MARGIN)',
    'Math.max(found?.entry.expiresAt ?? 0, until)',
  ),
  core('revocations', 'backing/revocations')(
    'an end of all sessions that ends no cookie',
    "return nonce !== null && nonce !== session.nonce ? { ...mark, state: 'ended' } : mark",
    "return nonce === '' ? { ...mark, state: 'ended' } : mark",
  ),
  core('cookie-engine', 'backing/revocations')(
    'a renewal that leaves the old cookie valid',
    'floor: session.generation + 1, at: this.#clock() }',
    'floor: session.generation, at: this.#clock() }',
  ),
  core('identity', 'backing/revocations')(
    'two renewals of one cookie, of which both are valid',
    "state === 'live' && floor <= session.generation\n",
    "state === 'live'\n",
  ),

  core('revocations', 'backing/cookie')(
    'a tombstone that a cookie with a later deadline outlives',
    'return revocations.extend(cookie, deadline)',
    'return deadline > 0',
  ),
  core('revocations', 'backing/cookie')(
    'a tombstone for every change of a deadline',
    'if (!revocations || deadline <= cookie.until) return true',
    'if (!revocations) return true',
  ),
  core('revoke-all', 'backing/cookie')(
    "a session that ends the others and survives somebody else's end of all",
    'if (ended.before.nonces.get(kid) === ref.nonce) ref.nonce =',
    'ref.nonce =',
  ),
  core('revocations', 'backing/cookie')(
    'a cookie that ends the others although its session has ended',
    'if (!(await isLive(except))) return null\n',
    'if (except === null) return (await isLive(except), null)\n',
  ),
  core('cookie-engine', 'backing/cookie')(
    'a change that is reported as saved in a session that has ended',
    "return state !== 'live' || floor > cookie.generation",
    "return state === 'replaced' && floor > cookie.generation",
  ),
  core('identity', 'backing/cookie')(
    'a planted cookie whose logout ends what its session has become',
    'const ends = userId === null ? null :',
    'const ends =',
  ),
  core('known-keys', 'backing/cookie')(
    'a cookie under a key that no server was told of',
    'await revocations.registry.register(master.kid, deadline)\n',
    '\n',
  ),

  core('identity', 'request/commit')(
    'a thief who survives the logout with a cookie that was superseded',
    'const own = loaded?.ref ?? superseded?.ends?.ref\n',
    'const own = loaded?.ref\n',
  ),
  core('identity', 'request/commit')(
    'a thief who survives a login with a cookie that was superseded',
    'own?.isOf(intent.userId) ? [own.ref, ...ends] : ends',
    'own?.isOf(intent.userId) ? ends : ends',
  ),
  core('identity', 'request/commit')(
    "a login that ends another user's session",
    'own?.isOf(intent.userId) ? [own.ref, ...ends] : ends',
    'own ? [own.ref, ...ends] : ends',
  ),
  core('identity', 'request/commit')(
    'a thief who survives a login that was faster than the renewal',
    'await context.backing.replaceAny(old.ref)\n  return fresh',
    'return fresh',
  ),
  core('identity', 'request/commit')(
    'a proof that is refused because somebody has renewed the session',
    'if (error instanceof SessionGoneError) return null\n    throw error',
    'throw error',
  ),
  core('identity', 'request/commit')(
    'a login that goes on with the session of a planted cookie',
    "if (intent?.verb === 'login') return { verb: 'login', loaded, changes: toApply, ends }",
    '',
  ),
  core('superseded', 'request/commit')(
    'a superseded cookie that overwrites the newer one',
    'return empty || superseded?.isRecent ? null :',
    'return empty ? null :',
  ),
  core('login-moment', 'request/commit')(
    'a login of the same user that survives an end of all others since it began',
    'if (intent.options.asOf) await assertNotEnded(context, began, loaded.ref)\n',
    '\n',
  ),
  core('cookie-engine', 'backing/cookie')(
    'a session that is to end sooner, and goes on in an older copy of its cookie',
    ' || expiresAt < ref.expiresAt',
    '',
  ),
  core('users', 'backing/user-index')(
    'tombstones that are counted as sessions',
    'filter((one) => !isSession(one)).length',
    'filter((one) => !isSession(one) && one.size > 1e9).length',
  ),
  core('login-moment', 'request/commit')(
    'a login that survives an end of all sessions',
    'await assertNotEnded(context, began, session.ref)\n',
    '\n',
  ),
  on('test/interleavings/chosen.test.ts', 'packages/strongroom/src/request/commit.ts')(
    'a login that loses what a parallel request has written',
    'const attempts = old.meta.userId === created.meta.userId ? 0 : HANDOVERS',
    'const attempts = old.meta.userId === created.meta.userId ? 0 : 0 * HANDOVERS',
  ),
  core('login-moment', 'request/commit')(
    'a login that takes longer than the store remembers',
    'if (moment && clock() - moment.at > LONGEST_LOGIN)',
    'if (moment && clock() - moment.at > 100 * LONGEST_LOGIN)',
  ),
  core('rotation', 'request/commit')(
    'a login that goes on with a session under a retired secret',
    'loaded.meta.userId === intent.userId && !context.backing.isRetired?.(loaded.ref)',
    'loaded.meta.userId === intent.userId',
  ),

  core('login-moment', 'session/state')(
    'a moment that is asked for and not used',
    'options.asOf ? Promise.resolve(options.asOf) : this.#beginLogin(userId)',
    'this.#beginLogin(userId)',
  ),
  core('login-moment', 'session/login')(
    'a login that is refused because it was asked for while its own request moved the epochs',
    'nonce === before.nonces.get(kid) || nonce === after.nonces.get(kid)',
    'nonce === before.nonces.get(kid)',
  ),
  core('login-moment', 'session/login')(
    'a login that goes on although one of its epochs was moved by somebody else',
    '[...this.nonces].every(isKnown)',
    '[...this.nonces].some(isKnown)',
  ),
  core('login-moment', 'session/state')(
    "a login that ends the others and survives somebody else's end of all",
    'own.goesOnTo({ before, after }) ? after : own',
    'own.goesOnTo({ before, after }) ? after : after',
  ),

  core('limit', 'request/session-limit')(
    'a login that is admitted although another one was faster',
    'if (isAdmitted) {',
    'if (isAdmitted || attempt > 0) {',
  ),
  core('limit', 'request/session-limit')(
    'a session that counts although it is replaced',
    'id !== this.#parts.replaced',
    'id !== undefined',
  ),
  core('limit', 'request/session-limit')(
    'a session that no visitor has after a login that failed',
    'await orUndo(this.#context, session, () => this.#endOldest(others))\n        return session',
    'await this.#endOldest(others)\n        return session',
  ),
  core('limit', 'request/live')(
    'sessions of a changed credential that keep their owner out',
    'return stamp === null || compare(stamp)',
    'return stamp === null || compare(stamp) || true',
  ),
  core('superseded', 'request/visit')(
    'an emptied session that removes the cookie of a login',
    'const removes = state.loggedOut || !backing.traits.revocable',
    'const removes = state.loggedOut || backing.traits !== null',
  ),
  core('users', 'admin/inspect')(
    'an operator who ends what says that sessions have ended',
    'yield page.filter(isSession)',
    'yield page.filter((listing) => isSession(listing) || true)',
  ),
  core('namespace', 'backing/cookie')(
    'a namespace that sessions in cookies do not have',
    'cookieCodec(engine.protection, ring, options.namespace, options.aead)',
    'cookieCodec(engine.protection, ring, cookieName, options.aead)',
  ),
]
