// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the faults quote sources
/** A mistake that somebody could make: `find` stands exactly once in `file`, and `suite` must fail when it is replaced. */
export interface Fault {
  readonly title: string
  readonly file: string
  readonly find: string
  readonly replace: string
  readonly suite: string
}

const on =
  (suite: string, file: string) =>
  (title: string, find: string, replace: string): Fault => ({ title, file, find, replace, suite })

const memory = on('test/engines/memory.test.ts', 'packages/strongroom/src/engines/memory/memory.ts')
const sqlite = on('test/engines/sqlite.test.ts', 'packages/strongroom/src/engines/sqlite/store.ts')
const statements = on('test/engines/sqlite.test.ts', 'packages/strongroom/src/engines/sqlite/table.ts')
const file = on('test/engines/file.test.ts', 'packages/strongroom/src/engines/file/store.ts')
const disk = on('test/engines/file.test.ts', 'packages/strongroom/src/engines/file/disk.ts')

const cached = on('test/engines/cached.test.ts', 'packages/strongroom/src/engines/cached/store.ts')

const storeFaults: Fault[] = [
  cached(
    'a copy that is handed out at once although it is doubted',
    'return copy && this.#believes(id, copy) ? copy : undefined',
    'return copy ?? undefined',
  ),
  memory(
    'update that creates what is gone',
    'if (this.#live(this.#cache.peek(id))?.version !== version) return null',
    'const old = this.#live(this.#cache.peek(id)); if (old && old.version !== version) return null',
  ),
  memory('update that ignores the version', '?.version !== version) return null', '=== null) return null'),
  memory('create that overwrites a live entry', 'if (this.#live(this.#cache.peek(id))) return false', ''),
  memory(
    'create that counts an expired entry as live',
    'if (this.#live(this.#cache.peek(id))) return false',
    'if (this.#cache.peek(id)) return false',
  ),
  memory(
    'read that ignores the deadline',
    'const kept = this.#live(this.#cache.get(id))\n    return kept &&',
    'const kept = this.#cache.get(id) ?? null\n    return kept &&',
  ),
  memory(
    'a deadline that is one millisecond late',
    'this.#clock() < kept.expiresAt',
    'this.#clock() <= kept.expiresAt',
  ),
  memory(
    'touch that revives an expired entry',
    'const kept = this.#live(this.#cache.get(id))\n    if (!kept) return false\n    kept.expiresAt',
    'const kept = this.#cache.get(id)\n    if (!kept) return false\n    kept.expiresAt',
  ),
  memory(
    'touch that only ever extends',
    'kept.expiresAt = expiresAt',
    'kept.expiresAt = Math.max(kept.expiresAt, expiresAt)',
  ),
  memory(
    'touch that rewrites the entry under a new version',
    'kept.expiresAt = expiresAt',
    'this.#keep(id, { ...toEntry(kept), expiresAt })',
  ),
  memory(
    'delete that is always "true"',
    'if (!kept || (version !== undefined && kept.version !== version)) return false\n    return this.#cache.delete(id)',
    'if (kept && version !== undefined && kept.version !== version) return false\n    this.#cache.delete(id)\n    return true',
  ),
  memory(
    'delete that throws when there is nothing',
    'if (!kept || (version !== undefined && kept.version !== version)) return false',
    'if (!kept) throw closed()\n    if (version !== undefined && kept.version !== version) return false',
  ),
  memory('delete that ignores the version', '(version !== undefined && kept.version !== version)', 'false'),
  memory(
    'a version that begins again with a new entry',
    'toKept(entry, ++this.#lastVersion)',
    'toKept(entry, (this.#cache.peek(id)?.version ?? 0) + 1)',
  ),
  memory('clearExpired that removes live entries', 'if (kept && !this.#live(kept)) {', 'if (kept) {'),
  memory('a dry run that removes', 'if (!dryRun) this.#cache.delete(id)', 'this.#cache.delete(id)'),
  memory(
    'list that shows expired sessions',
    'const kept = this.#live(this.#cache.peek(id))\n      return kept ? [toListing(id, kept)] : []',
    'const kept = this.#cache.peek(id)\n      return kept ? [toListing(id, kept)] : []',
  ),
  memory(
    'deleteAll that forgets whom to spare',
    'this.#list(owner).filter(({ id }) => id !== except)',
    'this.#list(owner)',
  ),
  memory(
    'an owner index that keeps what was deleted and misses what came',
    'this.#owners.add(kept.owner, id)',
    "if (this.#owners.of(kept.owner ?? '').length < 1) this.#owners.add(kept.owner, id)",
  ),
  memory('scan that misses a page', 'yield listings\n      this.#check()', 'this.#check()'),
  memory(
    'a store that says null after it was closed',
    'this.#check()\n    return this.#find(id)',
    'return this.#closed ? null : this.#find(id)',
  ),
  on('test/engines/memory.test.ts', 'packages/strongroom/src/engines/memory/kept.ts')(
    'bytes that are cut at the first zero',
    "toString('latin1')",
    "toString('latin1').split('\\0')[0] as string",
  ),
  sqlite(
    'a backend error swallowed as "absent"',
    'const row = (await this.#connection.ask((at) => at.read.get(id, this.#clock()))) as Row | undefined',
    'const row = (await this.#connection.ask((at) => at.read.get(id, this.#clock())).catch(() => undefined)) as Row | undefined',
  ),
  sqlite(
    'an id in an error message',
    'async read(id: Id): Promise<{ entry: Entry; version: Version } | null> {',
    'async read(id: Id): Promise<{ entry: Entry; version: Version } | null> {\n    await this.#connection.ask(() => 0).catch((error) => { throw new StoreError(`No answer for ${id}`, { cause: error }) })',
  ),
  sqlite(
    'bytes and label that are not copied in',
    'const copies = { bytes: Buffer.from(bytes), label: label && Buffer.from(label) }',
    'const copies = { bytes, label }',
  ),
  statements(
    'create as an upsert',
    'ON CONFLICT (id) DO NOTHING',
    'ON CONFLICT (id) DO UPDATE SET payload = excluded.payload',
  ),
  statements(
    'a touch that says nothing of the deadline it found',
    'UPDATE ${table} SET expires_at = ?, purge_at = ? WHERE id = ? AND expires_at > ?`)',
    'UPDATE ${table} SET expires_at = ?, purge_at = ? WHERE id = ? AND ? > 0`)',
  ),
  sqlite(
    'a sweep that takes the coarse column for the deadline',
    'rows.filter((row) => Number(row.expires_at) <= now)',
    'rows',
  ),
  file(
    'compare-and-set without a lock',
    'return this.#answer(() => this.#locks.hold(lock, until, work))',
    'void lock, until\n    return this.#answer(work)',
  ),
  file(
    "another owner's sessions in a list",
    'return listings.filter((listing) => listing.owner === owner)',
    'return listings',
  ),
  disk('a file that everybody may read', "orMissing(open(path, 'w', 0o600))", "orMissing(open(path, 'w', 0o644))"),
  on('test/engines/file.test.ts', 'packages/strongroom/src/engines/file/record.ts')(
    'a damaged file that is handed out',
    'image.readUInt32BE(4) !== crc32(image.subarray(8))',
    'false',
  ),
]

const adapter = 'test/adapters/node.test.ts'
const hold = on(adapter, 'packages/strongroom/src/adapters/node/hold.ts')
const headers = on(adapter, 'packages/strongroom/src/adapters/outcome.ts')
const visit = on(adapter, 'packages/strongroom/src/request/visit.ts')
const find = on(adapter, 'packages/strongroom/src/request/load.ts')
const keep = on(adapter, 'packages/strongroom/src/request/commit.ts')
const state = on(adapter, 'packages/strongroom/src/session/state.ts')
const stored = on(adapter, 'packages/strongroom/src/backing/server.ts')
const carried = on(adapter, 'packages/strongroom/src/backing/cookie.ts')
const cookies = on(adapter, 'packages/strongroom/src/http/cookie.ts')

const adapterFaults: Fault[] = [
  headers('missing Vary', "if (!vary) headers.set('Vary', 'Cookie')", 'if (!vary) return'),
  headers(
    "the application's own Vary replaced",
    "headers.set('Vary', `${vary}, Cookie`)",
    "headers.set('Vary', 'Cookie')",
  ),
  headers('a cookie that caches may keep', "headers.set('Cache-Control', 'no-store')", 'return'),
  headers(
    "the application's own cookies replaced",
    "headers.append('Set-Cookie', outcome.setCookie)",
    "headers.set('Set-Cookie', outcome.setCookie)",
  ),
  hold(
    'the first byte before the session is kept, the cookie after it',
    "this.#phase = 'holding'\n",
    'outcome.catch(() => undefined)\n    this.#release({ setCookie: null, used: true })\n    return\n',
  ),
  hold(
    'a page that is sent although its session could not be kept',
    'this.#failed(error)\n      },',
    'this.#release({ setCookie: null, used: true })\n        this.#replay()\n      },',
  ),
  on('test/adapters/node-gone.test.ts', 'packages/strongroom/src/adapters/node/hold.ts')(
    "the client's going away forgotten",
    "if (this.#phase === 'waiting') this.#visit.save()",
    "if (this.#phase === 'released') this.#visit.save()",
  ),
  hold(
    'chunks that are replayed in the wrong order',
    'of this.#queue?.splice(0) ?? []) {\n      result',
    'of this.#queue?.splice(0).reverse() ?? []) {\n      result',
  ),
  find(
    'a store call for a visitor without a cookie',
    "if (ticket === null || ticket === 'unknown-key') return ticket",
    "if (ticket === null) void backing.load({ id: '0'.repeat(64), text: '' } as never).catch(() => undefined)\n  if (ticket === null || ticket === 'unknown-key') return ticket",
  ),
  visit(
    'an outage taken for a logout',
    '      throw error\n    }\n  }\n\n  /** Did the request',
    '      this.#session = new Session<Data>(new State({ now: clock(), handleOf, serializer }, null))\n      return this.#session\n    }\n  }\n\n  /** Did the request',
  ),
  on('test/bad-input.test.ts', 'packages/strongroom/src/request/load.ts')(
    'the first of two good cookies believed',
    '} else if (found && found.text !== ticket.text) {',
    '} else if (found && false) {',
  ),
  visit(
    'a cookie set for every reader',
    'return this.#setCookie === null ? READ',
    'if (this.#loaded) return { setCookie: this.#core.transport.set(this.#loaded.held.ticket.text), used: true }\n    return this.#setCookie === null ? READ',
  ),
  visit(
    'a change after the first byte silently lost',
    "// Also for the case that the next line throws: the page about that error must not try again.\n    state.mode = 'closed'",
    '',
  ),
  keep('changes kept although the page failed', 'if (dropped) return null', ''),
  keep(
    'a logout lost because the page about it failed',
    "if (state.intent?.verb === 'logout') return",
    "if (state.intent?.verb === 'logout' && !dropped) return",
  ),
  keep(
    'a session created again after it ended',
    "if (!newer || !('held' in newer)) throw gone(core, loaded)",
    "if (!newer || !('held' in newer)) return put(core, loaded.meta, state.values)",
  ),
  keep(
    "a conflict settled by overwriting the other's change",
    'const result = await write(core, state, newer, relay(changes, newer.values))',
    'const result = await write(core, state, newer, state.values)',
  ),
  keep(
    'a conflict given up',
    'return inTurn(core, `session ${loaded.held.ticket.id}`, () => overtake(core, state, loaded, changes))',
    'return loaded',
  ),
  keep(
    'a login that keeps the token',
    "if (state.intent) return { verb: 'rotate'",
    "if (state.intent?.verb === 'renew') return { verb: 'rotate'",
  ),
  keep(
    'a login that leaves the old session alive',
    'if (await core.backing.end(seen.held, seen.held.version, login ? undefined : fresh.held)) return fresh',
    'if (attempt > 0) return fresh',
  ),
  keep(
    'a logout that only clears the cookie',
    "if (loaded && (await core.backing.end(loaded.held))) revoked(core, loaded.held.ticket.id, 'logout')\n  else if (loaded) await endSuccessor(core, loaded.meta)",
    '',
  ),
  keep(
    'a session for everybody who comes by',
    "return state.intent?.verb === 'login' || !empty ? { verb: 'create' } : null",
    "return { verb: 'create' }",
  ),
  keep(
    'a touch with every request',
    'const expiresAt = touchDue(core.clock(), loaded.held.expiresAt, loaded.meta)',
    'const expiresAt = expiryAfter(core.clock(), loaded.meta)',
  ),
  keep('no touch at all', 'return expiresAt === null ? null', 'return expiresAt !== 0 ? null'),
  state(
    'a change deep inside that goes unnoticed',
    'if (text === state.base) return null',
    'if (!edits && !cleared) return null',
  ),
  stored('an update that ignores what was read', 'const seen = was.version ??', 'const seen ='),
  carried(
    'revocations that are written and never asked',
    'expiresAt <= clock() || (marks !== undefined && (await marks.ended(ticket as Carriage)))',
    'expiresAt <= clock()',
  ),
  cookies('a cookie that script can read', 'httpOnly: true', 'httpOnly: false'),
  cookies(
    'a cookie that is cleared with other attributes, and so is not',
    "({ name, value: '', ...attributes, maxAge: 0",
    "({ name, value: '', path: `${path}x`, maxAge: 0",
  ),
]

const credential = (file: string) => on('test/core/credential.test.ts', file)
const signing = (file: string) => on('test/core/signed-cookies.test.ts', file)
const serializer = on('test/core/serializer.test.ts', 'packages/strongroom/src/session/serializer.ts')

const parityFaults: Fault[] = [
  credential('packages/strongroom/src/credential.ts')(
    'a password that can be changed without an end of any session',
    "if (!equal(stamp, now)) return { refused: 'credential' }",
    '',
  ),
  credential('packages/strongroom/src/credential.ts')(
    'a session without a stamp that goes on',
    "if (meta.stamp === undefined) return { refused: 'credential' }",
    'if (meta.stamp === undefined) return meta',
  ),
  credential('packages/strongroom/src/credential.ts')(
    'one stamp for two users of one password',
    'JSON.stringify([userId, credential])',
    'credential',
  ),
  credential('packages/strongroom/src/request/commit.ts')(
    'a renewal that outlives a change of the password',
    "state.intent?.verb !== 'login' && !state.restamp",
    'state.intent === null',
  ),
  credential('packages/strongroom/src/request/commit.ts')(
    'a refused login that leaves its stamp behind',
    'state.stamp = null\n  if (state.intent',
    'if (state.intent',
  ),
  signing('packages/strongroom/src/crypto/signed-value.ts')(
    'a name and a salt that are one text',
    'JSON.stringify([name, salt])',
    'name + salt',
  ),
  signing('packages/strongroom/src/http/signed-cookies.ts')(
    'a cookie that can be kept for longer than it was made for',
    '(deadline !== 0 && now >= deadline) || ',
    '',
  ),
  signing('packages/strongroom/src/http/signed-cookies.ts')(
    'the first of two cookies that differ',
    "good.every(({ text }) => text === first.text) ? first : 'ambiguous'",
    'first',
  ),
  serializer(
    'a change in place that is not seen',
    'if (JSON.stringify(json) === JSON.stringify(own(values, key))) return false',
    'return false',
  ),
  on('test/core/every-request.test.ts', 'packages/strongroom/src/request/commit.ts')(
    'saveEveryRequest that saves what was changed, and nothing else',
    "if (core.saveEveryRequest) return { verb: 'refresh' }",
    '',
  ),
]

const formerly = (file: string) => on('test/core/formerly.test.ts', file)

const formerlyFaults: Fault[] = [
  formerly('packages/strongroom/src/adoption/receipts.ts')(
    'two sessions of one that was taken over',
    'if (!created) await core.backing.end(held)\n  else if',
    'if',
  ),
  formerly('packages/strongroom/src/adoption/receipts.ts')(
    'a driver that sends twice logs its visitor out',
    'const created = first !== null || found?.loaded?.held.ticket.id === ticket.id',
    'const created = first !== null',
  ),
  formerly('packages/strongroom/src/adoption/visitors.ts')(
    'a logout that an old cookie undoes',
    'await refuse(core, originOf(side, key))',
    '',
  ),
  formerly('packages/strongroom/src/adoption/visitors.ts')(
    'a session by an old cookie beside one of ours',
    'if (carriesOurs(core, cookies)) return null',
    '',
  ),
  formerly('packages/strongroom/src/adoption/visitors.ts')(
    'a former cookie that is removed before its session ended',
    'const clear = (await ended(core, side, key)) ? side.clear : null',
    'await ended(core, side, key)\n  const clear = side.clear',
  ),
  formerly('packages/strongroom/src/adoption/visitors.ts')(
    'a copy that is left although its visitor has come meanwhile',
    'if (await taken(core, origin)) {\n      await dropCopies(core, origin)\n',
    'if (await taken(core, origin)) {\n',
  ),
  formerly('packages/strongroom/src/adoption/source.ts')(
    'an end date that nobody keeps',
    'if (now < this.until) return true',
    'return true',
  ),
]

const togetherFaults: Fault[] = [
  on('test/engines/together.test.ts', 'packages/strongroom/src/engines/shared/batcher.ts')(
    'messages that lock rows in any order',
    'return taken.sort((a, b) => Buffer.compare(keyOf(a.question), keyOf(b.question)))',
    'return taken',
  ),
  on('test/engines/together.test.ts', 'packages/strongroom/src/engines/shared/batcher.ts')(
    'all are refused because of one',
    'else if (calls.length > 1 && this.#way.isOfOne(error))',
    'else if (calls.length < 1)',
  ),
  on('test/engines/together.test.ts', 'packages/strongroom/src/engines/shared/batcher.ts')(
    'a message that nobody waits for any more keeps its place',
    'if (left === 0) end(true)',
    'if (left < 0) end(true)',
  ),
  on('test/engines/together.test.ts', 'packages/strongroom/src/engines/shared/batcher.ts')(
    'a call that comes alone waits for others to come',
    'setImmediate(() => {',
    'setTimeout(() => {',
  ),
  on('test/engines/together.test.ts', 'packages/strongroom/src/engines/mysql/store.ts')(
    'a message that is larger than the server takes',
    'this.#line.mostBytes = Math.min(this.#line.mostBytes, facts.sizeLimit ?? Number.POSITIVE_INFINITY)',
    '',
  ),
  on('test/engines/together.test.ts', 'packages/strongroom/src/engines/mysql/pool.ts')(
    'several statements at a time although the URL forbids it',
    "get('multipleStatements') === 'true'",
    "has('multipleStatements')",
  ),
  on('test/engines/together.test.ts', 'packages/strongroom/src/engines/mysql/together.ts')(
    'many visitors pay for one connection that is lost',
    '(error) => reads || isOfOne(error)',
    'isOfOne',
  ),
  on('test/engines/together.test.ts', 'packages/strongroom/src/engines/mysql/together.ts')(
    'the answer of one message is given to another call',
    '(results as unknown[]).slice(1, -1)',
    '(results as unknown[]).slice(0, -2)',
  ),
  on('test/engines/together.test.ts', 'packages/strongroom/src/engines/mysql/together.ts')(
    'a transaction that failed goes back to the pool with its connection',
    'requests.length === 1 && !isSpoilt(error)',
    '!isSpoilt(error)',
  ),
  on('test/engines/together.test.ts', 'packages/strongroom/src/engines/postgres/lean.ts')(
    'a write that is acknowledged before it is committed',
    'this.#rows = []\n  }',
    'this.#rows = []\n    if (this.#answers.length === this.#each.length) this.callback(null, this.#answers)\n  }',
  ),
]

const lostRedisFaults: Fault[] = [
  on('test/engines/redis/sentinel.test.ts', 'packages/strongroom/src/engines/redis/open-ioredis.ts')(
    'a client that the news of a new master end for good',
    'if (over) return\n',
    'return\n',
  ),
  on('test/engines/redis/sentinel.test.ts', 'packages/strongroom/src/engines/redis/open-ioredis.ts')(
    'a sentinel that hangs takes all the time of a call',
    'sentinelCommandTimeout: Math.ceil(timeout / 2)',
    'sentinelCommandTimeout: timeout',
  ),
  on('test/engines/redis/cluster.test.ts', 'packages/strongroom/src/engines/redis/ioredis.ts')(
    'a master whose connection was lost is refused for ever',
    'if (look === LOOKS) throw',
    'throw',
  ),
  on('test/engines/redis/cluster.test.ts', 'packages/strongroom/src/engines/redis/ioredis.ts')(
    'who asked many at once is not led to where their slots have moved',
    'if (look === FOLLOWED || ',
    'if (look === 1 || ',
  ),
]

export const faults: readonly Fault[] = [
  ...storeFaults,
  ...togetherFaults,
  ...lostRedisFaults,
  ...adapterFaults,
  ...parityFaults,
  ...formerlyFaults,
]
