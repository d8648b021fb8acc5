// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources

import { type Mutation, on } from './mutation.ts'
import { cliMutations, djangoMutations } from './other-packages.ts'

const memory = on('test/engines/memory.test.ts', 'packages/strongroom/src/engines/memory/memory.ts')
const sqlite = on('test/engines/sqlite.test.ts', 'packages/strongroom/src/engines/sqlite/store.ts')
const statements = on('test/engines/sqlite.test.ts', 'packages/strongroom/src/engines/sqlite/table.ts')
const file = on('test/engines/file.test.ts', 'packages/strongroom/src/engines/file/store.ts')
const disk = on('test/engines/file.test.ts', 'packages/strongroom/src/engines/file/disk.ts')

const redis = (file: string) =>
  on(
    `test/engines/redis${file === 'scripts' ? '' : '/eviction'}.test.ts`,
    `packages/strongroom/src/engines/redis/${file}.ts`,
  )
const cached = on('test/engines/cached.test.ts', 'packages/strongroom/src/engines/cached/store.ts')

const storeMutations: Mutation[] = [
  cached(
    'a copy that is returned without a read although it was invalidated',
    'return copy && this.#isUsable(id, copy) ? copy : undefined',
    'return copy ?? undefined',
  ),
  memory(
    'update that creates an entry that is gone',
    'if (this.#live(this.#items.peek(id))?.version !== version) return null',
    'const old = this.#live(this.#items.peek(id)); if (old && old.version !== version) return null',
  ),
  memory('update that ignores the version', '?.version !== version) return null', '=== null) return null'),
  memory('create that overwrites a live entry', 'if (this.#live(this.#items.peek(id))) return false', ''),
  memory(
    'create that counts an expired entry as live',
    'if (this.#live(this.#items.peek(id))) return false',
    'if (this.#items.peek(id)) return false',
  ),
  memory(
    'read that ignores the deadline',
    'const item = this.#live(this.#items.get(id))\n    return item &&',
    'const item = this.#items.get(id) ?? null\n    return item &&',
  ),
  memory(
    'a deadline that is one millisecond late',
    'this.#clock() < item.expiresAt',
    'this.#clock() <= item.expiresAt',
  ),
  memory(
    'touch that revives an expired entry',
    'const item = this.#live(this.#items.get(id))\n    if (!item ||',
    'const item = this.#items.get(id)\n    if (!item ||',
  ),
  memory(
    'touch that only ever extends',
    'item.expiresAt = expiresAt',
    'item.expiresAt = Math.max(item.expiresAt, expiresAt)',
  ),
  memory(
    'touch that rewrites the entry under a new version',
    'item.expiresAt = expiresAt',
    'this.#put(id, { ...toEntry(item), expiresAt })',
  ),
  memory('touch that ignores the version', '(version ?? item.version) !== item.version', 'false'),
  memory(
    'deleteAll that ends only the versions that it has listed first',
    'const ending = this.#list(owner).filter(({ id }) => id !== except)\n    for (const { id } of ending) this.#items.delete(id)\n    return ending.length',
    'const ending = this.#list(owner).filter(({ id }) => id !== except)\n    const seen = ending.map(({ id }) => this.#items.peek(id))\n    setImmediate(() => ending.forEach(({ id }, at) => this.#items.peek(id) === seen[at] && this.#items.delete(id)))\n    return ending.length',
  ),
  memory(
    'delete that always returns true',
    'if (!item || (version !== undefined && item.version !== version)) return false\n    return this.#items.delete(id)',
    'if (item && version !== undefined && item.version !== version) return false\n    this.#items.delete(id)\n    return true',
  ),
  memory(
    'delete that throws when there is nothing to delete',
    'if (!item || (version !== undefined && item.version !== version)) return false',
    "if (!item) throw new StoreError('absent')\n    if (version !== undefined && item.version !== version) return false",
  ),
  memory('delete that ignores the version', '(version !== undefined && item.version !== version)', 'false'),
  memory(
    'a version that starts again with a new entry',
    'toItem(entry, ++this.#lastVersion)',
    'toItem(entry, (this.#items.peek(id)?.version ?? 0) + 1)',
  ),
  memory('clearExpired that removes live entries', 'if (item && !this.#live(item)) {', 'if (item) {'),
  memory('a dry run that removes', 'if (!dryRun) this.#items.delete(id)', 'this.#items.delete(id)'),
  memory(
    'list that shows expired sessions',
    'const item = this.#live(this.#items.peek(id))\n      return item ? [toListing(id, item)] : []',
    'const item = this.#items.peek(id)\n      return item ? [toListing(id, item)] : []',
  ),
  memory(
    'deleteAll that ignores its exception',
    'this.#list(owner).filter(({ id }) => id !== except)',
    'this.#list(owner)',
  ),
  memory(
    'an owner index that lists only the first entry of an owner',
    'this.#owners.add(item.owner, id)',
    "if (this.#owners.of(item.owner ?? '').length < 1) this.#owners.add(item.owner, id)",
  ),
  memory('scan that misses a page', 'yield listings\n      this.#state.assertOpen()', 'this.#state.assertOpen()'),
  memory(
    'a store that returns null after it was closed',
    'this.#state.assertOpen()\n    return this.#read(id)',
    'return this.#state.isClosed ? null : this.#read(id)',
  ),
  memory(
    'bytes that are cut off at the first zero',
    'bytes: latin1Of(bytes),',
    "bytes: latin1Of(bytes).split('\\0')[0] as string,",
  ),
  sqlite(
    'a backend error reported as an absent session',
    'const row = (await this.#connection.read((table) => table.read.get(id, this.#clock()))) as Row | undefined',
    'const row = (await this.#connection.read((table) => table.read.get(id, this.#clock())).catch(() => undefined)) as Row | undefined',
  ),
  sqlite(
    'an id in an error message',
    'async read(id: Id): Promise<Found | null> {',
    'async read(id: Id): Promise<Found | null> {\n    await this.#connection.read(() => 0).catch((error) => { throw new StoreError(`No answer for ${id}`, { cause: error }) })',
  ),
  sqlite(
    'bytes and label that are not copied when they are written',
    'const { bytes, expiresAt, createdAt, owner, label } = copyOf(entry)',
    'const { bytes, expiresAt, createdAt, owner, label } = entry',
  ),
  statements(
    'create as an upsert',
    'ON CONFLICT (id) DO NOTHING',
    'ON CONFLICT (id) DO UPDATE SET payload = excluded.payload',
  ),
  statements(
    'a touch that does not check the deadline it found',
    'SET expires_at = ?, purge_at = ? WHERE id = ? AND expires_at > ? AND version',
    'SET expires_at = ?, purge_at = ? WHERE id = ? AND ? > 0 AND version',
  ),
  statements(
    'a touch within a purge step that ignores the version',
    'version = ifnull(?, version) AND purge_at = ?',
    'ifnull(?, 1) AND purge_at = ?',
  ),
  sqlite(
    'a sweep that takes the coarse column as the deadline',
    'rows.filter((row) => Number(row.expires_at) <= now)',
    'rows',
  ),
  file(
    'compare-and-set without a lock',
    'return this.#run(() => this.#locks.withLock(lock, until, work))',
    'void lock, until\n    return this.#run(work)',
  ),
  file('a touch of a version that touches any', '(version ?? found.version) !== found.version', 'false'),
  on('test/engines/moving.test.ts', 'packages/strongroom/src/engines/moving/store.ts')(
    'a touch through two stores that ignores the version',
    'if (version !== undefined && !isVersionOf(version, located)) return false',
    '',
  ),
  redis('connection')(
    'a Redis that evicts, trusted without being asked',
    "if (durable !== 'no' || evicts !== true)",
    "if (durable !== 'no')",
  ),
  redis('connection')(
    'a Redis whose configuration is unknown, trusted to evict nothing',
    'if (evicts === null) throw evictionUnknown()',
    'void evictionUnknown',
  ),
  redis('store')('an index of sessions that may be evicted', 'if (evicts !== true)\n', 'if (owners)\n'),
  redis('scripts')(
    'a touch in Redis that ignores the version',
    "if ARGV[4] ~= '' and versionOf(head) ~= ARGV[4] then return 0 end\nlocal owner",
    'local owner',
  ),
  cached('a fresh read that returns a copy', '!options?.fresh && ', ''),
  cached(
    'a fresh read that lets the store below return a copy',
    'const found = await this.#durable.read(id, options)',
    'const found = await this.#durable.read(id)',
  ),
  file(
    "another owner's sessions in a list",
    'return listings.filter((listing) => listing.owner === owner)',
    'return listings',
  ),
  disk('a file that everyone can read', "orNull(open(path, 'w', 0o600))", "orNull(open(path, 'w', 0o644))"),
  on('test/engines/file.test.ts', 'packages/strongroom/src/engines/file/record.ts')(
    'a damaged file that is returned',
    'image.readUInt32BE(4) !== crc32(image.subarray(8))',
    'false',
  ),
]

const adapter = 'test/adapters/node.test.ts'
const hold = on(adapter, 'packages/strongroom/src/adapters/node/hold.ts')
const headers = on(adapter, 'packages/strongroom/src/adapters/shared/outcome.ts')
const visit = on(adapter, 'packages/strongroom/src/request/visit.ts')
const load = on(adapter, 'packages/strongroom/src/request/load.ts')
const commit = on(adapter, 'packages/strongroom/src/request/commit.ts')
const state = on(adapter, 'packages/strongroom/src/session/changes.ts')
const server = on(adapter, 'packages/strongroom/src/backing/server.ts')
const touch = (file: string) => on('test/core/touch.test.ts', file)
const cookieBacking = on(adapter, 'packages/strongroom/src/backing/cookie.ts')
const cookies = on(adapter, 'packages/strongroom/src/http/cookie.ts')

const adapterMutations: Mutation[] = [
  headers('missing Vary', "if (!vary) headers.set('Vary', 'Cookie')", 'if (!vary) return'),
  headers(
    "the application's own Vary replaced",
    "headers.set('Vary', `${vary}, Cookie`)",
    "headers.set('Vary', 'Cookie')",
  ),
  headers('a cookie that caches may store', "headers.set('Cache-Control', 'no-store')", 'return'),
  headers(
    "the application's own cookies replaced",
    "headers.append('Set-Cookie', outcome.setCookie)",
    "headers.set('Set-Cookie', outcome.setCookie)",
  ),
  hold(
    'a first byte that is sent before the session is saved, and a cookie after it',
    "this.#phase = 'holding'\n",
    'outcome.catch(() => undefined)\n    this.#release({ setCookie: null, used: true })\n    return\n',
  ),
  on('test/adapters/node-response.test.ts', 'packages/strongroom/src/adapters/node/hold.ts')(
    'a response that is watched only once the session is asked for',
    'const held = new Hold(response, fail)\n  return (visit) => {',
    'return (visit) => {\n    const held = new Hold(response, fail)',
  ),
  hold(
    'a page that is sent although its session could not be saved',
    'this.#failed(error)\n      },',
    'this.#release({ setCookie: null, used: true })\n        this.#replay()\n      },',
  ),
  on('test/adapters/node-disconnect.test.ts', 'packages/strongroom/src/adapters/node/hold.ts')(
    'a session that is saved when its client goes away, before the handler has responded',
    'this.#originals = watch(response, this)',
    "this.#originals = watch(response, this)\n    response.on('close', () => void Promise.resolve(this.#visit?.commit()).catch(() => undefined))",
  ),
  on('test/adapters/mounted-twice.test.ts', 'packages/strongroom/src/sessions.ts')(
    'a visit of its own for each place where the adapter is mounted',
    'const first = before === undefined || isOver',
    'const first = before === undefined || isOver || request !== alias',
  ),
  on('test/adapters/mounted-twice.test.ts', 'packages/strongroom/src/sessions.ts')(
    'a Request object that is sent twice gets the session of the first time',
    'const first = before === undefined || isOver',
    'const first = before === undefined',
  ),
  on('test/adapters/hono.test.ts', 'packages/strongroom/src/adapters/hono.ts')(
    'a message for developers that Hono shows to visitors',
    'message: error.publicMessage',
    'message: error.message',
  ),
  on('test/adapters/exceptions.test.ts', 'packages/strongroom/src/adapters/node.ts')(
    'a handler whose rejection ends the process',
    '} catch (error) {\n      await fail(error)',
    '} catch (error) {\n      if (!(error instanceof StrongroomError)) throw error\n      await fail(error)',
  ),
  on('test/adapters/exceptions.test.ts', 'packages/strongroom/src/adapters/node.ts')(
    'an onError whose rejection ends the process',
    'await onError(error, request, response)',
    'void onError(error, request, response)',
  ),
  headers(
    'a header by which a CDN stores the cookie',
    'if (CACHE_HEADERS.test(name)) headers.delete(name)',
    'if (CACHE_HEADERS.test(name)) break',
  ),
  on('test/core/keyring.test.ts', 'packages/strongroom/src/crypto/keyring.ts')(
    'every request waits for a provider of secrets that hangs',
    'if (!late) return loading ?? ask(provider)',
    'if (!late || timeout > 0) return loading ?? ask(provider)',
  ),
  on('test/core/keyring.test.ts', 'packages/strongroom/src/crypto/keyring.ts')(
    'a provider of secrets that is late is never asked again',
    'if (!loading && isPast(late.askAgainAt))',
    'if (timeout < 0)',
  ),
  on('test/core/login.test.ts', 'packages/strongroom/src/session/login.ts')(
    'a login that fails because of a long User-Agent',
    "if (label != null && typeof label !== 'string')",
    "if (label != null && (typeof label !== 'string' || label.length > 120))",
  ),
  on('test/bad-input.test.ts', 'packages/strongroom/src/request/load.ts')(
    'as many verifications as a header has room for cookies',
    'texts = texts.slice(0, MOST_TRIED)',
    '',
  ),
  on('test/core/forgetting.test.ts', 'packages/strongroom/src/backing/server.ts')(
    'revokeAll() that leaves the contents in memory',
    '.finally(() => forget(tag, except))',
    '',
  ),
  on('test/core/forgetting.test.ts', 'packages/strongroom/src/backing/server.ts')(
    'a logout that leaves the contents in memory',
    '.finally(() => records.forget(id))',
    '',
  ),
  on('test/core/forgetting.test.ts', 'packages/strongroom/src/backing/cookie.ts')(
    'revokeAll() that leaves the contents of cookies in memory',
    'endAll(userId, except).finally(() => forget(userId))',
    'endAll(userId, except)',
  ),
  on('test/core/create.test.ts', 'packages/strongroom/src/http/signed-cookies.ts')(
    'a signed cookie that production sends in the clear',
    'partitioned }, production)',
    'partitioned }, false)',
  ),
  hold(
    'chunks that are replayed in the wrong order',
    'of this.#queue?.splice(0) ?? []) {\n      result',
    'of this.#queue?.splice(0).reverse() ?? []) {\n      result',
  ),
  load(
    'a store call for a visitor without a cookie',
    "if (cookie === null || cookie === 'unknown-key') return cookie",
    "if (cookie === null) void Promise.resolve(context.backing.load({ id: '0'.repeat(64), text: '' } as never)).catch(() => undefined)\n  if (cookie === null || cookie === 'unknown-key') return cookie",
  ),
  visit(
    'an outage treated as a logout',
    '      throw error\n    }\n  }\n\n  #hasCookie',
    '      this.#session = new Session<Data>(new State({ now: clock(), handleOf, serializer }, null))\n      return this.#session\n    }\n  }\n\n  #hasCookie',
  ),
  on('test/bad-input.test.ts', 'packages/strongroom/src/request/load.ts')(
    'the first of two valid cookies accepted',
    '} else if (found && found.text !== cookie.text) {',
    '} else if (found && false) {',
  ),
  visit(
    'a cookie set for every reader',
    'return this.#setCookie === null ? READ',
    'if (this.#loaded) return { setCookie: this.#cookieOf(this.#loaded), used: true }\n    return this.#setCookie === null ? READ',
  ),
  visit(
    'a change after the first byte that is silently lost',
    '// Before the next line, which may throw: the page about that error must not try again.\n    state.close()',
    '',
  ),
  commit('changes saved although the page failed', 'if (dropped) return null', ''),
  commit(
    'a logout lost because the page about it failed',
    "if (intent?.verb === 'logout') return",
    "if (dropped) return null\n  if (intent?.verb === 'logout') return",
  ),
  commit(
    'a session that is created again after it ended',
    "if (!newer || !('ref' in newer)) throw gone(context, loaded)",
    "if (!newer || !('ref' in newer)) return store(task, loaded.meta, undefined)",
  ),
  commit(
    "a conflict resolved by overwriting the other request's change",
    'const result = await saveOver(newer, task, applyAgain(changes, newer.values))',
    'const result = await saveOver(newer, task, task.state.values)',
  ),
  commit(
    'a conflict that is not retried',
    'return runExclusive(task.context, `session ${loaded.ref.cookie.id}`, () => saveOverNewer(task, loaded, changes))',
    'return loaded',
  ),
  commit(
    'a login that keeps the token',
    "if (intent) return { verb: 'replace'",
    "if (intent?.verb === 'renew') return { verb: 'replace'",
  ),
  commit(
    'a login that leaves the old session alive',
    'if (await context.backing.end(seen.ref, seen.ref.version, by.isSuccessor ? fresh.ref : undefined)) return fresh',
    'if (attempt > 0) return fresh',
  ),
  commit(
    'a logout that only clears the cookie',
    "if (loaded && (await context.backing.end(loaded.ref))) revoked(context, loaded.ref.cookie.id, 'logout')\n  else if (loaded) await endSuccessor(context, loaded.meta)",
    '',
  ),
  commit(
    'a session for every visitor',
    "return intent?.verb === 'login' || !empty ? { verb: 'create' } : null",
    "return { verb: 'create' }",
  ),
  commit(
    'a touch in every request',
    'const expiresAt = touchDue(context.clock(), loaded.ref.expiresAt, loaded.meta)',
    'const expiresAt = expiryAfter(context.clock(), loaded.meta)',
  ),
  commit('no touch at all', 'return expiresAt === null ? null', 'return expiresAt !== 0 ? null'),
  state(
    'a change in a nested value that goes unnoticed',
    'if (text === state.base) return null',
    'if (!edits && !cleared) return null',
  ),
  server('an update that ignores the version that was read', 'const seen = was.version ??', 'const seen ='),
  touch('packages/strongroom/src/backing/server.ts')(
    'a touch that cuts a session which was given another lifetime in between',
    'store.touch(ref.cookie.id, expiresAt, version)',
    'store.touch(ref.cookie.id, expiresAt)',
  ),
  touch('packages/strongroom/src/backing/server.ts')(
    'a touch by the request that created the session, which cuts what another has changed since',
    'return isSame ? found.version : null',
    'return found ? (isSame, found.version) : null',
  ),
  touch('packages/strongroom/src/request/commit.ts')(
    'a write that tries again with the copy that it has lost with',
    'const newer = await context.backing.load(loaded.ref.cookie, { fresh: true })',
    'const newer = await context.backing.load(loaded.ref.cookie)',
  ),
  touch('packages/strongroom/src/request/commit.ts')(
    'a renewal that tries again with the copy that it has lost with',
    'const newer = await context.backing.load(old.ref.cookie, { fresh: true })',
    'const newer = await context.backing.load(old.ref.cookie)',
  ),
  touch('packages/strongroom/src/request/commit.ts')(
    'a session that is reported as gone because another request was faster',
    "return !now || !('ref' in now)",
    "return !now || 'ref' in now",
  ),
  cookieBacking(
    'revocations that are written and never read',
    'expiresAt <= clock() || (revocations !== undefined && (await revocations.hasEnded(cookie as CookieSession)))',
    'expiresAt <= clock()',
  ),
  cookies('a cookie that script can read', 'httpOnly: true', 'httpOnly: false'),
  cookies(
    'a cookie that is cleared with other attributes, and so stays in the browser',
    "({ name, value: '', ...attributes, maxAge: 0",
    "({ name, value: '', path: `${path}x`, maxAge: 0",
  ),
]

const credential = (file: string) => on('test/core/credential.test.ts', file)
const signing = (file: string) => on('test/core/signed-cookies.test.ts', file)
const serializer = on('test/core/serializer.test.ts', 'packages/strongroom/src/session/serializer.ts')

const djangoParityMutations: Mutation[] = [
  credential('packages/strongroom/src/credential.ts')(
    'a password change that ends no session',
    "if (!equal(stamp, now)) return { refused: 'credential' }",
    '',
  ),
  credential('packages/strongroom/src/credential.ts')(
    'a session without a stamp that stays valid',
    "if (meta.stamp === undefined) return { refused: 'credential' }",
    'if (meta.stamp === undefined) return meta',
  ),
  credential('packages/strongroom/src/credential.ts')(
    'one stamp for two users with the same password',
    'JSON.stringify([userId, credential])',
    'credential',
  ),
  credential('packages/strongroom/src/request/commit.ts')(
    'a renewal that survives a password change',
    "state.intent?.verb !== 'login' && state.credentialChange === null",
    'state.intent === null',
  ),
  credential('packages/strongroom/src/request/next-meta.ts')(
    'a login that stores no stamp of its credential',
    'if (stamp !== null) meta = { ...meta, stamp }',
    '',
  ),
  signing('packages/strongroom/src/crypto/signed-value.ts')(
    'a name and a salt that are joined without a separator',
    'JSON.stringify([name, salt])',
    'name + salt',
  ),
  signing('packages/strongroom/src/http/signed-cookies.ts')(
    'a cookie that is accepted after its deadline',
    '(deadline !== 0 && now >= deadline) || ',
    '',
  ),
  signing('packages/strongroom/src/http/signed-cookies.ts')(
    'the first of two cookies that differ',
    "good.every(({ text }) => text === first.text) ? first : 'ambiguous'",
    'first',
  ),
  serializer(
    'a change in place that goes unnoticed',
    'if (JSON.stringify(json) === JSON.stringify(own(values, key))) return false',
    'return false',
  ),
  on('test/core/every-request.test.ts', 'packages/strongroom/src/request/commit.ts')(
    'saveEveryRequest that saves only what was changed',
    "if (context.saveEveryRequest) return { verb: 'refresh', loaded }",
    '',
  ),
]

const adoption = (file: string) => on('test/core/adoption.test.ts', file)

const adoptionMutations: Mutation[] = [
  adoption('packages/strongroom/src/adoption/receipts.ts')(
    'two sessions from one that was adopted',
    'if (!created) await context.backing.end(ref)\n  else if',
    'if',
  ),
  adoption('packages/strongroom/src/adoption/receipts.ts')(
    'a driver that sends a write twice and so logs its visitor out',
    'const created = first !== null || found?.loaded?.ref.cookie.id === cookie.id',
    'const created = first !== null',
  ),
  adoption('packages/strongroom/src/adoption/visitors.ts')(
    'a logout that an old cookie reverses',
    'await refuse(context, originOf(source, key))',
    '',
  ),
  adoption('packages/strongroom/src/adoption/visitors.ts')(
    'an adoption although the visitor has a cookie of ours',
    'if (hasCookieOfOurs(context, cookies)) return null',
    '',
  ),
  adoption('packages/strongroom/src/adoption/visitors.ts')(
    "a source's cookie that is removed before its session ended",
    'const clear = (await endAtSource(context, source, key)) ? source.clear : null',
    'await endAtSource(context, source, key)\n  const clear = source.clear',
  ),
  adoption('packages/strongroom/src/adoption/visitors.ts')(
    'a copy that is left behind although its visitor was adopted in the meantime',
    'if (await adopted(context, origin)) {\n      await dropCopies(context, origin)\n',
    'if (await adopted(context, origin)) {\n',
  ),
  adoption('packages/strongroom/src/adoption/source.ts')(
    'an end date that is ignored',
    'if (now < this.until) return true',
    'return true',
  ),
]

const driverUrl = on('test/engines/mysql-url.test.ts', 'packages/strongroom/src/engines/mysql/driver-url.ts')

const batchMutations: Mutation[] = [
  on('test/engines/batching.test.ts', 'packages/strongroom/src/engines/shared/batcher.ts')(
    'batches that lock rows in any order',
    'return taken.sort((a, b) => Buffer.compare(keyOf(a.request), keyOf(b.request)))',
    'return taken',
  ),
  on('test/engines/batching.test.ts', 'packages/strongroom/src/engines/shared/batcher.ts')(
    'a batch whose calls all fail because of one',
    'else if (calls.length > 1 && this.#options.isDueToOne(error))',
    'else if (calls.length < 1)',
  ),
  on('test/engines/batching.test.ts', 'packages/strongroom/src/engines/shared/batcher.ts')(
    'a batch that keeps its connection although nobody waits for it any more',
    'if (left === 0) end(true)',
    'if (left < 0) end(true)',
  ),
  on('test/engines/batching.test.ts', 'packages/strongroom/src/engines/shared/batcher.ts')(
    'a call that comes alone and waits for others',
    'setImmediate(() => {',
    'setTimeout(() => {',
  ),
  on('test/engines/batching.test.ts', 'packages/strongroom/src/engines/mysql/store.ts')(
    'a batch that is larger than the server accepts',
    'this.#executor.maxBatchBytes = Math.min(this.#executor.maxBatchBytes, sizeLimit ?? Number.POSITIVE_INFINITY)',
    '',
  ),
  driverUrl(
    'connections that take several statements in one message without batchWrites',
    "if (batchWrites) searchParams.set('multipleStatements', 'true')",
    "searchParams.set('multipleStatements', 'true')",
  ),
  driverUrl(
    'a URL that turns on several statements in one message',
    "if (name === 'multipleStatements') throw severalStatements(where)\n  if (!DRIVER_OPTIONS.has(name))",
    "if (!DRIVER_OPTIONS.has(name) && name !== 'multipleStatements')",
  ),
  driverUrl('a second URL inside of the first', 'if (!DRIVER_OPTIONS.has(name))', "if (name === '__proto__')"),
  driverUrl('a flag that only looks harmless', '&& FLAGS.has(name.toUpperCase())) continue', ') continue'),
  driverUrl(
    'a flag that the driver changes to another',
    'if (/^[A-Za-z\\d_]+$/.test(name) && FLAGS.has(name.toUpperCase())) continue',
    "if (name !== 'MULTI_STATEMENTS') continue",
  ),
  on('test/engines/batching.test.ts', 'packages/strongroom/src/engines/mysql/executor.ts')(
    'writes that are batched without batchWrites',
    "batches === 'reads and writes' || (batches === 'reads' && many !== undefined)",
    "batches !== 'nothing' || many !== undefined",
  ),
  on('test/engines/batching.test.ts', 'packages/strongroom/src/engines/mysql/batch.ts')(
    'one lost connection that fails the reads of many visitors',
    '(error) => isRead || isDueToOne(error)',
    'isDueToOne',
  ),
  on('test/engines/batching.test.ts', 'packages/strongroom/src/engines/mysql/batch.ts')(
    'the result of one statement returned to another call',
    '(results as unknown[]).slice(1, -1)',
    '(results as unknown[]).slice(0, -2)',
  ),
  on('test/engines/batching.test.ts', 'packages/strongroom/src/engines/mysql/batch.ts')(
    'a connection that returns to the pool with a failed transaction',
    'queries.length === 1 && !isConnectionUseless(error)',
    '!isConnectionUseless(error)',
  ),
  on('test/engines/batching.test.ts', 'packages/strongroom/src/engines/postgres/client.ts')(
    'a write that is acknowledged before it is committed',
    'this.#rows = []\n  }',
    'this.#rows = []\n    if (this.#results.length === this.#parameters.length) this.callback(null, this.#results)\n  }',
  ),
]

const redisMutations: Mutation[] = [
  on('test/engines/redis/sentinel.test.ts', 'packages/strongroom/src/engines/redis/ioredis.ts')(
    'a client that the announcement of a new master ends for good',
    'if (closed) return\n',
    'return\n',
  ),
  on('test/engines/redis/sentinel.test.ts', 'packages/strongroom/src/engines/redis/ioredis.ts')(
    'a sentinel that hangs and uses up all the time of a call',
    'sentinelCommandTimeout: Math.ceil(timeout / 2)',
    'sentinelCommandTimeout: timeout',
  ),
  on('test/engines/redis/cluster.test.ts', 'packages/strongroom/src/engines/redis/ioredis.ts')(
    'a master whose connection was lost and that is refused for ever',
    'if (attempt === MASTER_TRIES) throw',
    'throw',
  ),
  on('test/engines/redis/cluster.test.ts', 'packages/strongroom/src/engines/redis/ioredis.ts')(
    'a batch that does not follow slots that have moved',
    'if (attempt === MOVED_TRIES || ',
    'if (attempt === 1 || ',
  ),
]

const inCrypto = (file: string) => on('test/core/crypto.test.ts', `packages/strongroom/src/crypto/${file}.ts`)

const cryptoMutations: Mutation[] = [
  inCrypto('provider')(
    'a release of sodium-native that nobody has tried',
    "if (version.split('.', 1)[0] !== MAJOR)",
    "if (version === '')",
  ),
  inCrypto('provider')(
    'a libsodium that is not tested before it is used',
    'return isRight(found) ? found',
    'return MAJOR ? found',
  ),
  inCrypto('provider')(
    'a cipher that opens what was forged',
    'return decrypt(out, 0, BY, ASSOCIATED) === null',
    'return true',
  ),
  inCrypto('provider')(
    'a runtime that is believed to have ChaCha20',
    'isCipherRight(given.chacha20) ? given.chacha20 : null',
    'given.chacha20',
  ),
  inCrypto('provider')(
    'an error that does not say that the package is missing',
    "=== 'MODULE_NOT_FOUND'",
    "=== 'NOT_FOUND'",
  ),
  inCrypto('aead')('a token and a key that stay in the scratch memory', 'wipe(frame, 0, BLOCK + 4 + size)', ''),
  inCrypto('aead')(
    'a cookie that anyone can make, and that causes an error instead of being refused',
    'if (!equal(commitment, sealed.subarray(2 + SALT, HEAD))) return FORGED',
    'if (ciphers[name] && !equal(commitment, sealed.subarray(2 + SALT, HEAD))) return FORGED',
  ),
  inCrypto('aead')(
    'a session that is lost where its cipher is missing',
    'if (!opening) throw new StoreError(`A session is sealed with ChaCha20-Poly1305. ${NO_CHACHA20}`)',
    'if (!opening) return FORGED',
  ),
  on('test/core/seal.test.ts', 'packages/strongroom/src/crypto/aead.ts')(
    'one key for two ciphers',
    "'aes-256-gcm': `${label} aes-256-gcm`",
    "'aes-256-gcm': `${label} chacha20-poly1305`",
  ),
  inCrypto('sodium')(
    'a plaintext that stays in the scratch memory',
    '} finally {\n        wipe(payload)',
    '} finally {',
  ),
  inCrypto('sodium')('a plaintext that stays where it was not encrypted', 'wipe(sealed)\n', '\n'),
  inCrypto('token')(
    'a token that stays in the memory of the pool when a cookie is verified',
    '// The next allocation from that slab must not contain a token.\n    wipe(bytes)',
    '',
  ),
  inCrypto('token')(
    'a token that stays in the memory of the pool when it is made',
    'wipe(bytes)\n  return { token, id, master, text }',
    'return { token, id, master, text }',
  ),
  inCrypto('primitives')('an HMAC without its outer hash', 'sha512(outer, into)', 'into.set(digest)'),
  on('test/core/crypto.test.ts', 'packages/strongroom/src/backing/create.ts')(
    'a cipher that is set where nothing is sealed',
    "if (options.cipher !== undefined && engine.protection === 'signed')",
    'if (options.cipher === null)',
  ),
]

export const mutations: readonly Mutation[] = [
  ...storeMutations,
  ...batchMutations,
  ...redisMutations,
  ...adapterMutations,
  ...djangoParityMutations,
  ...adoptionMutations,
  ...cryptoMutations,
  ...djangoMutations,
  ...cliMutations,
]
