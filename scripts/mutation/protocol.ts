import { type Mutation, on } from './mutation.ts'

const core = (suite: string, file: string) => on(`test/core/${suite}.test.ts`, `packages/strongroom/src/${file}.ts`)

/** Mistakes that let a session survive its end, or end one that should go on. */
export const protocolMutations: readonly Mutation[] = [
  core('identity', 'backing/server')(
    'a copy of the store that is believed although it does not open',
    '(result === null || isLoaded(result) ? result : fresh())',
    'result',
  ),
  core('superseded', 'backing/server')(
    'a login that leaves the old session alive',
    'forgetting(id, async () => (await store.update(id, tombstone(owner, lasting), version)) !== null)',
    'forgetting(id, async () => owner !== id && version !== null)',
  ),
  core('superseded', 'backing/server')(
    'a tombstone that is gone before the response has arrived',
    'owner: string | null, lasting = IN_FLIGHT',
    'owner: string | null, lasting = 1',
  ),
  core('superseded', 'backing/server')(
    'a page that signs itself out after a renewal',
    'isRecent: clock() < (header ? succession.endOf(header) : 0) + IN_FLIGHT',
    'isRecent: false',
  ),
  core('superseded', 'backing/server')(
    'a renewed cookie that can never begin a session again',
    'isRecent: clock() < (header ? succession.endOf(header) : 0) + IN_FLIGHT',
    'isRecent: true',
  ),
  core('identity', 'backing/entries')(
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
    'content.meta.deadline > before.meta.deadline ? register(token, content.meta) : undefined',
    'undefined as Promise<void> | undefined',
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
    'this.#idOf(master, userId), { fresh: true })',
    'this.#idOf(master, userId))',
  ),
  core('revocations', 'backing/revocations')(
    'a mark that is read from a copy',
    "ownId('session', session.sid), { fresh: true })",
    "ownId('session', session.sid))",
  ),
  core('identity', 'backing/epochs')(
    'an epoch that moves under the current secret only',
    'ring.masters.map(async (master) => ({ kid: master.kid, ...',
    '[ring.current].map(async (master) => ({ kid: master.kid, ...',
  ),
  core('limit', 'backing/turns')(
    'two logins that are admitted in one turn',
    'if (!(await this.write(master, userId, next, this.options.clock() + MARGIN))) return false',
    'await this.write(master, userId, next, this.options.clock() + MARGIN)',
  ),

  core('known-keys', 'backing/key-registry')(
    'a secret that is called missing before its provider was asked',
    'if (found.length > 0 && (await this.#options.ring.refresh())) found = await missing()',
    'if (found.length < 0) found = await missing()',
  ),
  core('known-keys', 'backing/key-registry')(
    'a registration that is lost to one that was made in parallel',
    'if (!isEnough && !(await this.#write(registered, found))) continue',
    'if (!isEnough) await this.#write(registered, found)',
  ),
  core('known-keys', 'backing/key-registry')(
    'a removed secret that is missed for ever',
    'clock() < until && ring.get(kid) === undefined',
    'ring.get(kid) === undefined',
  ),
  core('known-keys', 'backing/key-registry')(
    'a registration that ends before the last session under its key',
    'registered.set(kid, until + ONE_DAY)',
    'registered.set(kid, until - 2 * ONE_DAY)',
  ),
  core('known-keys', 'backing/key-registry')(
    'a key that a server takes for registered for a day after it was forgotten',
    'Math.abs(this.#options.clock() - known.at) < BELIEVED',
    'known.at <= this.#options.clock()',
  ),

  core('revocations', 'backing/revocations')(
    'a tombstone that a server with a faster clock sweeps too soon',
    'Math.max(found?.entry.expiresAt ?? 0, until + MARGIN)',
    'Math.max(found?.entry.expiresAt ?? 0, until)',
  ),
  core('revocations', 'backing/revocations')(
    'an end of all sessions that ends no cookie',
    'const isOutdated = nonce !== null && nonce !== session.nonce',
    "const isOutdated = nonce === ''",
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
    'revocations && deadline > ref.cookie.until ?',
    'revocations ?',
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
    "({ state, floor }) => state !== 'live' || floor > cookie.generation",
    "({ state, floor }) => state === 'replaced' && floor > cookie.generation",
  ),
  core('cookie-engine', 'backing/cookie')(
    'a cookie that opens by its end alone',
    'before?.text === given && isOpen(before)',
    'before && isOpen(before)',
  ),
  core('cookie-engine', 'backing/cookie')(
    'a session in a cookie that is waited for although no store is asked',
    'return after(isOver(ref), (over) => {',
    'return after(Promise.resolve(isOver(ref)), (over) => {',
  ),
  core('forgetting', 'backing/cookie')(
    'a logout that leaves older copies of the cookie in the memo',
    'known.forget((other) => other.sid === sid)',
    'known.forget((other) => other.sid === sid && false)',
  ),
  core('write-sync', 'request/visit')(
    'a save that a response does not wait for, because it begins before it is there',
    'this.#saving = Promise.resolve().then(() => this.#run(plan, state))',
    'this.#saving = Promise.resolve(this.#run(plan, state))',
  ),
  on('test/adapters/failing-commit.test.ts', 'packages/strongroom/src/adapters/node/hold.ts')(
    'an error page in the middle of what the handler writes',
    '      outcome = Promise.reject(error)\n',
    '      this.#failed(error)\n      return\n',
  ),
  on('test/engines/memory.test.ts', 'packages/strongroom/src/engines/memory/item.ts')(
    'an id that keeps a session in memory after its end',
    'id: detached(idOf(text)) as Id,',
    'id: idOf(text),',
  ),
  on('test/engines/memory.test.ts', 'packages/strongroom/src/engines/memory/store.ts')(
    'a store in memory that goes on ending sessions after it was closed',
    '        this.#state.assertOpen()\n        for (const { id } of page) {',
    '        for (const { id } of page) {',
  ),
  core('base', 'base/random')(
    'salts and versions that are given out twice',
    'used += length',
    'used += used === 0 ? length : 0',
  ),
  core('write-sync', 'backing/server')(
    'a write that is lost where the store can only do it later',
    'return done === undefined ? store.update(id, entry, version) : done',
    'return done ?? null',
  ),
  core('write-sync', 'request/visit')(
    'a response that is held back although nothing is waited for',
    'return plan ? after(this.#run(plan, state), () => this.#finish()) : this.#finish()',
    'return plan ? Promise.resolve(this.#run(plan, state)).then(() => this.#finish()) : this.#finish()',
  ),
  core('write-sync', 'request/visit')(
    'a failure of a write that did not wait, and that no event reports',
    '    } catch (error) {\n      this.#failed(plan, task, error)\n    }\n  }\n\n  async #endAdopted',
    '    } catch (error) {\n      throw error\n    }\n  }\n\n  async #endAdopted',
  ),
  on('test/engines/memory.test.ts', 'packages/strongroom/src/engines/memory/store.ts')(
    'a store in memory that is written to after it was closed',
    'return this.#state.isClosed ? undefined : this.#update(id, entry, version)',
    'return this.#update(id, entry, version)',
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

  core('identity', 'request/plan')(
    'a thief who survives the logout with a cookie that was superseded',
    'const own = loaded?.ref ?? emptied?.ref ?? superseded?.ends?.ref\n',
    'const own = loaded?.ref\n',
  ),
  core('identity', 'request/plan')(
    'a thief who survives a login with a cookie that was superseded',
    'own ? [own.ref, ...ends] : ends',
    'own ? ends : ends',
  ),
  core('several-cookies', 'request/plan')(
    "a login that ends another user's session",
    'others.filter(({ isOf }) => isOf(intent.userId)).map(',
    'others.map(',
  ),
  core('identity', 'request/login')(
    'a thief who survives a login that was faster than the renewal',
    'await replaceOne(context, old.ref)\n  return fresh',
    'return fresh',
  ),
  core('identity', 'request/login')(
    'a proof that is refused because somebody has renewed the session',
    "return saved !== 'gone' && isLoaded(saved) ? saved : null",
    "if (saved === 'gone') throw gone(task, loaded.ref)\n  return saved && isLoaded(saved) ? saved : null",
  ),
  core('identity', 'request/plan')(
    'a login that goes on with the session of a planted cookie',
    "if (replaced) return { verb: 'login', loaded: replaced, changes: toApply, ends }",
    "if (replaced) return { verb: 'write', loaded: replaced, isEmptied: false, changes: { ...NO_CHANGES, ...toApply }, renews: true }",
  ),
  core('superseded', 'request/plan')(
    'a superseded cookie that overwrites the newer one',
    'if (empty || superseded?.isRecent) return null',
    'if (empty) return null',
  ),
  core('superseded', 'request/create')(
    'a page that signs itself out by a request whose session has ended',
    'if (!replaces) return firstReplaced(context, presented)\n',
    'if (!replaces) return firstReplaced(context, [])\n',
  ),
  core('superseded', 'request/create')(
    'a login that leaves no tombstone where nothing is left',
    'await Promise.all(ended.map((cookie) => context.backing.replaceEnded?.(cookie)))\n',
    '\n',
  ),
  core('superseded', 'backing/server')(
    'a login that leaves no tombstone where a session ended meanwhile',
    'if (!found && (await store.create(id, tombstone(null, lasting?.nothing)))) return false',
    'if (!found) return false',
  ),
  core('one-page', 'request/visit')(
    'a cookie that was decided by save(), and overwrites that of a login since',
    'return this.#isEarly && this.#setCookie !== null ?',
    'return this.#isEarly && this.#setCookie === null ?',
  ),
  core('one-page', 'request/visit')(
    'a login that is saved before the response, and keeps back its own cookie',
    "if (plan.verb === 'login' || plan.verb === 'end' || (plan.verb === 'create' && plan.replaces))",
    "if (plan.verb === 'login')",
  ),
  core('one-page', 'backing/cookie')(
    'a login that leaves nothing for other requests with its cookie, in cookies with revocations',
    '...(revocations && { replaceEnded:',
    '...(revocations && { replaceended:',
  ),
  core('superseded', 'request/commit')(
    'a logout that begins a new session, and whose cookie an older request overwrites',
    '(startAgain ? backing.replaceAny(ref) : backing.end(ref))',
    'backing.end(ref)',
  ),
  core('merge', 'request/save')(
    'a change that is refused because another request left the session empty',
    "return result && 'emptied' in result ? result.emptied : null",
    'return null',
  ),
  core('server-backing', 'backing/server')(
    'a session that nobody has the cookie of, because the answer of the store was lost',
    'if (error instanceof StoreError) store.delete(token.id).catch(() => undefined)\n',
    '\n',
  ),
  core('limit', 'request/user-limit')(
    'two logins at a lowered limit that end each other',
    'if (this.#refuses) throw this.#full()\n    return null',
    'if (this.#refuses) throw this.#full()\n    const session = await login()\n    await this.#endOldest(others)\n    return session',
  ),
  core('rotation', 'backing/verifier')(
    'a cookie that is remembered as ours although its secret was removed',
    'known.deleteWhere(({ master }) => ring.get(master.kid) !== master)',
    'known.deleteWhere(({ master }) => master === null)',
  ),
  core('forgetting', 'backing/records')(
    'contents that stay in memory after their secret was removed',
    'masters.some((one) => one && ring.get(one.kid) !== one)',
    'masters.length === 0',
  ),
  core('forgetting', 'backing/cookie')(
    'contents of expired cookies that stay in memory',
    'if (expired) known.drop(session)\n',
    '\n',
  ),
  core('forgetting', 'backing/records')(
    'contents of sessions that nobody came back to, and that a sweep leaves in memory',
    'expiryOf(now, expiresAt, meta.deadline) !== null',
    "expiryOf(now, expiresAt, meta.deadline)?.expired === 'absolute'",
  ),
  core('forgetting', 'backing/records')(
    'a sweep that forgets a session whose deadline has moved on',
    'known.expiresAt = expiresAt\n',
    '\n',
  ),
  core('forgetting', 'backing/entries')(
    'a session that was written last, and is remembered until its absolute deadline',
    '{ owner, expiresAt, renewedAt, pointer }',
    '{ owner, expiresAt: meta.deadline, renewedAt, pointer }',
  ),
  core('forgetting', 'backing/cookie')(
    'contents of cookies that nobody came back with, and that a sweep leaves in memory',
    'expiryOf(now, expiresAt, content.meta.deadline) !== null',
    "expiryOf(now, expiresAt, content.meta.deadline)?.expired === 'absolute'",
  ),
  core('forgetting', 'admin/sweeper')(
    'a process that remembers expired sessions because another one sweeps the store',
    'async () => forget(this.#stop.signal)',
    'async () => (store?.tryWithLock ? undefined : forget(this.#stop.signal))',
  ),
  core('forgetting', 'admin/sweeps')(
    'a process that remembers expired sessions because it has nothing to sweep',
    'given === false || (every === null && !remembers)',
    'given === false || every === null',
  ),
  core('forgetting', 'assemble')(
    'clearExpired() that leaves what expired sessions contained in memory',
    'if (!options.dryRun) backing.forgetExpired?.()\n',
    '\n',
  ),
  core('forgetting', 'request/load')(
    'contents that stay in memory after a change of the credential',
    'backing.forget(result.ref)\n',
    '\n',
  ),
  core('login-moment', 'request/login')(
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
  core('login-moment', 'request/create')(
    'a login that survives an end of all sessions',
    'await assertNotEnded(context, began, session.ref)\n',
    '\n',
  ),
  on('test/interleavings/chosen.test.ts', 'packages/strongroom/src/request/login.ts')(
    'a login that loses what a parallel request has written',
    'const attempts = old.meta.userId === created.meta.userId ? 0 : HANDOVERS',
    'const attempts = old.meta.userId === created.meta.userId ? 0 : 0 * HANDOVERS',
  ),
  core('login-moment', 'request/create')(
    'a login that takes longer than the store remembers',
    'if (moment && clock() - moment.at > LONGEST_LOGIN)',
    'if (moment && clock() - moment.at > 100 * LONGEST_LOGIN)',
  ),
  core('rotation', 'request/login')(
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

  core('limit', 'request/user-limit')(
    'a login that is admitted although another one was faster',
    'if (isAdmitted) {',
    'if (isAdmitted || attempt > 0) {',
  ),
  core('limit', 'request/user-limit')(
    'a session that counts although it is replaced',
    '!this.#parts.replaced.has(id)',
    'id !== undefined',
  ),
  core('limit', 'request/user-limit')(
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
    'const all = page.filter(isSession)',
    'const all = page.filter((listing) => isSession(listing) || true)',
  ),
  core('namespace', 'admin/inspect')(
    'an operator who sees and ends the sessions of another application',
    'all.filter((one) => isOf(namespace, one))',
    'all',
  ),
  core('namespace', 'admin/everybody')(
    "a breach that ends another application's sessions",
    'isSealed(one) && isOf(namespace, one)',
    'isSealed(one)',
  ),
  core('namespace', 'backing/cookie')(
    'a namespace that sessions in cookies do not have',
    'cookieCodec(engine.protection, ring, tokenNamespace, options.aead)',
    'cookieCodec(engine.protection, ring, cookieName, options.aead)',
  ),
]
