// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources

import { adapterSuiteMutations } from './adapter-suite.ts'
import { addressMutations } from './addresses.ts'
import { advisorMutations } from './advisor.ts'
import { aroundMutations } from './around.ts'
import { auditMutations } from './audits.ts'
import { bearerMutations } from './bearer.ts'
import { benchmarkMutations } from './benchmarks.ts'
import { besideDjangoMutations } from './beside-django.ts'
import { checklistMutations } from './checklist.ts'
import { comingOverMutations } from './coming-over.ts'
import { commandLineMutations, foundMutations } from './command-line.ts'
import { connectStoreMutations } from './connect-stores.ts'
import { currentMutations } from './current.ts'
import { dataSchemaMutations } from './data-schema.ts'
import { databaseMutations } from './databases.ts'
import { demoMutations } from './demo.ts'
import { deviceBoundMutations } from './device-bound.ts'
import { doctorMutations } from './doctor.ts'
import { estimateMutations } from './estimates.ts'
import { expressSessionMutations } from './express-session.ts'
import { fastifyKoaMutations } from './fastify-koa.ts'
import { h3Mutations } from './h3.ts'
import { hostMutations } from './hosts.ts'
import { labMutations } from './lab.ts'
import { labAttackMutations } from './lab-attacks.ts'
import { mistakeMutations } from './mistakes.ts'
import { type Mutation, on } from './mutation.ts'
import { nestMutations } from './nest.ts'
import { nextMutations } from './next.ts'
import { cliMutations, djangoMutations, operatorMutations } from './other-packages.ts'
import { passportMutations } from './passport.ts'
import { peerMutations } from './peers.ts'
import { policyMutations } from './policy.ts'
import { protocolMutations } from './protocol.ts'
import { reactFrameworkMutations } from './react-frameworks.ts'
import { renewalMutations } from './renewal.ts'
import { figureMutations, requestMutations } from './requests.ts'
import { signalMutations } from './signals.ts'
import { siteMutations } from './site.ts'
import { stepUpMutations } from './step-up.ts'
import { studioMutations } from './studio.ts'
import { sveltekitAstroMutations } from './sveltekit-astro.ts'
import { telemetryMutations } from './telemetry.ts'
import { usageMutations } from './usage.ts'
import { wsMutations } from './ws.ts'

export type { Mutation }

const memory = on('test/engines/memory.test.ts', 'packages/strongroom/src/engines/memory/store.ts')
const sqlite = on('test/engines/sqlite.test.ts', 'packages/strongroom/src/engines/sqlite/store.ts')
const statements = on('test/engines/sqlite.test.ts', 'packages/strongroom/src/engines/sqlite/table.ts')
const file = on('test/engines/file.test.ts', 'packages/strongroom/src/engines/file/store.ts')
const disk = on('test/engines/file.test.ts', 'packages/strongroom/src/engines/file/disk.ts')
const lock = on('test/engines/file-locks.test.ts', 'packages/strongroom/src/engines/file/lock-file.ts')
const locks = on('test/engines/file-locks.test.ts', 'packages/strongroom/src/engines/file/lock.ts')
const synced = (name: string) =>
  on('test/engines/file-commits.test.ts', `packages/strongroom/src/engines/file/${name}.ts`)

const redis = (file: string) =>
  on(
    `test/engines/redis${file === 'scripts' ? '' : '/eviction'}.test.ts`,
    `packages/strongroom/src/engines/redis/${file}.ts`,
  )
const breaker = on('test/engines/cached.test.ts', 'packages/strongroom/src/engines/cached/circuit-breaker.ts')
const cached = on('test/engines/cached.test.ts', 'packages/strongroom/src/engines/cached/store.ts')

const copies = (file: string) => on('test/engines/cached/forged-copies.test.ts', `packages/strongroom/src/${file}.ts`)

const copyMutations: Mutation[] = [
  copies('engines/cached/slots')(
    'a copy that is used although anyone could have written it',
    'const copy = this.#keys.open(id, bytes)',
    'const copy = this.#keys.open(id, bytes) ?? bytes.subarray(34)',
  ),
  copies('engines/cached/slots')(
    'a store without keys that believes every copy',
    'isInProcessMemory(cache.traits) ? NO_KEYS : randomCopyKeys()',
    'NO_KEYS',
  ),
  copies('engines/cached/slots')(
    'copies in the memory of this process that are signed',
    'if (this.#keys !== NO_KEYS) this.#keys = keys',
    'this.#keys = keys',
  ),
  copies('engines/cached/copy-keys')(
    'a forged copy that a store without keys accepts',
    'timingSafeEqual(tagOf(name, bytes), signed.subarray(0, TAG)) ? bytes : null',
    'bytes',
  ),
  copies('engines/cached/copy-keys')(
    'the copy of another session that a store without keys accepts',
    'update(`${name}\\n`)',
    "update('')",
  ),
  copies('engines/cached/store')(
    'an outer copy that an inner store accepts',
    "this.#durable.authenticate?.(keysOfPart('durable', keys))",
    'this.#durable.authenticate?.(keys)',
  ),
  copies('engines/cached/store')(
    'a copy of a copy that is taken for the copy of a session',
    "this.#cache.authenticate?.(keysOfPart('cache', keys))",
    'this.#cache.authenticate?.(keys)',
  ),
  copies('engines/cached/store')(
    'a touch that gives a copy of another version a deadline that it never had',
    'seen?.copy?.version === version ? seen?.copy : null',
    'seen ? seen.copy : null',
  ),
  copies('engines/cached/store')(
    'a touch that makes a copy younger',
    '{ ...copy, entry: { ...copy.entry, expiresAt } }',
    '{ ...copy, readAt: this.#clock(), entry: { ...copy.entry, expiresAt } }',
  ),
  cached(
    'a first change that does not wait for the connection to the cache',
    'whileConnecting: atLeast(CONNECT_LIMIT)',
    'whileConnecting: atLeast(CHANGE_LIMIT)',
  ),
  cached(
    'a process that ends although its cache has not been told of an end',
    'await this.#slots.settle(CONNECT_LIMIT)',
    '',
  ),
  cached('a change that waits no longer for the cache than a read', 'atLeast(CHANGE_LIMIT)', 'cacheTimeout'),
  breaker(
    'a process that has just started and warns of a cache that is well',
    'if (!this.#isConnecting())\n          this.#report',
    'this.#report',
  ),
  breaker(
    'a cache that never answers and is believed to be about to',
    'return !isPast(this.#connectingUntil)',
    'return this.#connectingUntil > 0',
  ),
  breaker('an error of a cache that nobody hears of for a second', 'if (error !== LATE) this.#isReached = true', ''),
  on('test/fault-injection/logs.test.ts', 'packages/strongroom/src/backing/stored.ts')(
    'sessions in plain text in the logs of a database',
    "isInProcessMemory(engine.traits) ? 'none' : 'two-key'",
    "engine.traits.shared === 'machine' ? 'two-key' : 'none'",
  ),
  on('test/fault-injection/young-process.test.ts', 'packages/strongroom/src/engines/cached/slots.ts')(
    'an end that a server which has just started does not tell the others',
    'this.#breakers.changes.run(\n      () => {',
    'this.#breakers.reads.run(\n      () => {',
  ),
  cached('a copy from the future', 'age < 0 || ', ''),
  cached('a copy that is used for ever', 'age >= this.#maxAge || ', ''),
  copies('engines/moving/store')(
    'a copy of the old store that the new one accepts',
    "from.authenticate?.(keysOfPart('from', keys))",
    "from.authenticate?.(keysOfPart('to', keys))",
  ),
  copies('crypto/copy-keys')('a copy with a forged tag', '? bytes : null\n    },', '? bytes : bytes\n    },'),
  copies('crypto/copy-keys')(
    'a tag that does not cover the copy',
    'primitives.sha512(bytes, frame.subarray(BLOCK + length))',
    'frame.fill(0, BLOCK + length)',
  ),
  copies('crypto/copy-keys')(
    'a tag that does not say of which session the copy is',
    '`${namespace}\\n${name}\\n`',
    '`${namespace}\\n`',
  ),
  copies('crypto/copy-keys')(
    'a copy that fails the cache while there are no secrets',
    'signed[0] !== VERSION || !ring.hasKeys',
    'signed[0] !== VERSION',
  ),
  on('test/core/copy-keys.test.ts', 'packages/strongroom/src/crypto/copy-keys.ts')(
    'a copy of another application',
    '`${namespace}\\n${name}\\n`',
    '`${name}\\n`',
  ),
  on('test/core/copy-keys.test.ts', 'packages/strongroom/src/backing/create.ts')(
    'a store that is handed no keys',
    'created.swept?.authenticate?.(parts.copyKeys(',
    'void Promise.resolve(\n    parts.copyKeys(',
  ),
]

/** The owner of an entry is fixed when it is created, and `deleteAll` ends all of an owner's entries. */
const ownerMutations: Mutation[] = [
  memory(
    'an update in memory that changes the owner',
    'identityOf(old) !== identityOf(text)',
    'identityOf(old).length !== identityOf(text).length',
  ),
  file('an update of a file that changes the owner', ' || old.owner !== owner) return null', ') return null'),
  statements('an update in SQLite that changes the owner', 'AND owner IS ?`', "AND ifnull(?, '') <> '-'`"),
  statements(
    'an update in SQLite within a purge step that changes the owner',
    'AND owner IS ? AND purge_at',
    "AND ifnull(?, '') <> '-' AND purge_at",
  ),
  on('test/engines/postgres.test.ts', 'packages/strongroom/src/engines/postgres/statements.ts')(
    'an update in PostgreSQL that changes the owner',
    'owner IS NOT DISTINCT FROM $6${notifying}',
    '($6::bytea IS NULL OR $6 IS NOT NULL)${notifying}',
  ),
  on('test/engines/postgres.test.ts', 'packages/strongroom/src/engines/postgres/statements.ts')(
    'a sweep in PostgreSQL that takes a spot of one partition for that of another',
    ' AND expires_at <= $5 RETURNING 1',
    ' RETURNING 1',
  ),
  on('test/engines/mysql.test.ts', 'packages/strongroom/src/engines/mysql/statements.ts')(
    'an update in MariaDB that changes the owner',
    'AND owner <=> ?',
    "AND COALESCE(?, '') <> '-'",
  ),
  redis('scripts')('an update in Redis that changes the owner', 'if ownerOf(head) ~= owner then return 0 end\n', ''),
  on('test/engines/memcached.test.ts', 'packages/strongroom/src/engines/memcached/store.ts')(
    'an update in memcached that changes the owner',
    ' && item.owner === entry.owner',
    '',
  ),
  on('test/engines/cached.test.ts', 'packages/strongroom/src/engines/cached/slots.ts')(
    'a slot that can never be used again, because someone has put an entry with an owner there',
    '{ ...entry, owner: seen.owner }',
    'entry',
  ),
  on('test/engines/moving.test.ts', 'packages/strongroom/src/engines/moving/store.ts')(
    'an update of what has not been moved that is tried again and again because of its owner',
    ' || located.entry.owner !== entry.owner) return null',
    ') return null',
  ),
  on('test/engines/moving.test.ts', 'packages/strongroom/src/engines/moving/store.ts')(
    'an id that has ended and can have no other owner',
    '(await to.delete(id, located.version)) && to.create(id, entry)',
    'false',
  ),
  on('test/engines/moving.test.ts', 'packages/strongroom/src/engines/moving/tombstones.ts')(
    'a tombstone without the owner of what has ended',
    'owner: ended.owner',
    'owner: null',
  ),
  on('test/engines/moving.test.ts', 'packages/strongroom/src/engines/moving/tombstones.ts')(
    'a tombstone that counts as a session',
    'Uint8Array.of(0)',
    'Uint8Array.of(0, 0)',
  ),
  on('test/engines/moving.test.ts', 'packages/strongroom/src/engines/moving/combined.ts')(
    'a list of a user that shows tombstones',
    ' && !isTombstone(listing)',
    '',
  ),
  on('test/core/known-keys.test.ts', 'packages/strongroom/src/backing/own-entries.ts')(
    'an entry of the library that someone has filed under an owner, so that no update succeeds',
    'entry.owner === null && isRight(value)',
    'isRight(value)',
  ),
  on('test/core/adopted-keys.test.ts', 'packages/strongroom/src/adoption/copies.ts')(
    "a copy that stays filed under nobody once it is a user's",
    ' && found.meta.userId === content.meta.userId',
    '',
  ),
  file(
    'deleteAll of files that ends only the versions that it has listed first',
    'const isDeleted = await this.#changeSome(some[0] as Id, () =>\n        Promise.all(some.map((id) => this.#deleteIf(id, (found) => found.owner === owner))),',
    'const seen = await Promise.all(some.map((id) => this.#disk.load(id)))\n      const isDeleted = await this.#changeSome(some[0] as Id, () =>\n        Promise.all(some.map((id, i) => this.#deleteIf(id, (found) => found.owner === owner && found.version === seen[i]?.version))),',
  ),
  on('test/engines/redis.test.ts', 'packages/strongroom/src/engines/redis/owners.ts')(
    'deleteAll in Redis that ends only the versions that it has listed first',
    'return (await this.#connection.run(DELETE_OWNED, keys, args)) as readonly unknown[]',
    'const seen = (await this.#connection.run(DESCRIBE, keys.slice(0, some.length), [])) as [Buffer][]\n      void args\n      return Promise.all(\n        seen.map(async ([start], at) => {\n          const { head } = await this.delete(some[at] as Id, null, start.readUIntBE(13, 6))\n          return head && start.subarray(0, 58)\n        }),\n      )',
  ),
  on('test/engines/moving.test.ts', 'packages/strongroom/src/engines/moving/store.ts')(
    'deleteAll of two stores that ends only the versions that it has listed first',
    'const done = await Promise.all(ids.map((id) => this.#deleteIf(id, ({ entry }) => entry.owner === owner)))',
    'const done = await Promise.all(ids.map(async (id) => { const seen = await this.read(id); return seen !== null && this.delete(id, seen.version) }))',
  ),
]

const storeMutations: Mutation[] = [
  cached(
    'a copy that is returned without a read although it was invalidated',
    'return copy && this.#isUsable(id, copy) ? copy : undefined',
    'return copy ?? undefined',
  ),
  memory(
    'update that creates an entry that is gone',
    'if (slot === NONE) return null\n    const',
    'if (slot === NONE) return this.#table.add(toText(id, entry), entry, ++this.#lastVersion)\n    const',
  ),
  memory(
    'update that ignores the version',
    'this.#find(id, version)\n    if (slot === NONE) return null',
    'this.#find(id, version && undefined)\n    if (slot === NONE) return null',
  ),
  memory('create that overwrites a live entry', 'if (this.#isLive(old)) return false', ''),
  memory(
    'create that counts an expired entry as live',
    'if (this.#isLive(old)) return false',
    'if (old !== NONE) return false',
  ),
  memory(
    'read that ignores the deadline',
    'const slot = this.#find(id)\n    if (slot === NONE) return null',
    'const slot = this.#table.find(id)\n    if (slot === NONE) return null',
  ),
  memory('a deadline that is one millisecond late', 'this.#clock() < (', 'this.#clock() <= ('),
  memory(
    'touch that revives an expired entry',
    'const slot = this.#find(id, version)\n    if (slot === NONE) return false\n    this.#used(slot)',
    'const slot = this.#table.find(id)\n    if (slot === NONE || (version && version !== this.#table.version(slot))) return false\n    this.#used(slot)',
  ),
  memory(
    'touch that only ever extends',
    'this.#table.expiresAt[slot] = expiresAt',
    'this.#table.expiresAt[slot] = Math.max(this.#table.expiresAt[slot] as number, expiresAt)',
  ),
  memory(
    'touch that rewrites the entry under a new version',
    'this.#table.expiresAt[slot] = expiresAt',
    'this.#table.set(slot, this.#table.text(slot), { createdAt: 0, expiresAt }, ++this.#lastVersion)',
  ),
  memory(
    'touch that ignores the version',
    'const slot = this.#find(id, version)\n    if (slot === NONE) return false\n    this.#used(slot)',
    'const slot = this.#find(id, version && undefined)\n    if (slot === NONE) return false\n    this.#used(slot)',
  ),
  memory(
    'deleteAll that ends only the versions that it has listed first',
    'if (!isOf(slot, owner)) continue\n',
    'if (!isOf(slot, owner)) continue\n          const version = this.#table.version(slot)\n          await new Promise(setImmediate)\n          if (this.#table.version(slot) !== version) continue\n',
  ),
  memory(
    'delete that always returns true',
    'const slot = this.#find(id, version)\n    if (slot === NONE) return false\n    this.#remove(slot)',
    'const slot = this.#find(id, version)\n    if (slot !== NONE) this.#remove(slot)',
  ),
  memory(
    'delete that throws when there is nothing to delete',
    'const slot = this.#find(id, version)\n    if (slot === NONE) return false\n    this.#remove(slot)',
    "const slot = this.#find(id, version)\n    if (slot === NONE) throw new StoreError('absent')\n    this.#remove(slot)",
  ),
  memory(
    'delete that ignores the version',
    'const slot = this.#find(id, version)\n    if (slot === NONE) return false\n    this.#remove(slot)',
    'const slot = this.#find(id, version && undefined)\n    if (slot === NONE) return false\n    this.#remove(slot)',
  ),
  memory(
    'a version that starts again with a new entry',
    'add(text, entry, ++this.#lastVersion)',
    'add(text, entry, 1)',
  ),
  memory('clearExpired that removes live entries', ' && !this.#isLive(slot)', ''),
  memory('a dry run that removes', 'if (!dryRun) this.#remove(slot)', 'this.#remove(slot)'),
  memory('list that shows expired sessions', 'this.#isLive(slot) && ownerOf', 'ownerOf'),
  memory('deleteAll that ignores its exception', 'id === except', 'id === owner'),
  memory(
    'an owner index that lists only the first entry of an owner',
    'this.#owners?.add(entry.owner, slot)',
    "if (this.#owners?.of(entry.owner ?? '').length === 0) this.#owners.add(entry.owner, slot)",
  ),
  memory('scan that misses a page', 'yield listings\n      this.#state.assertOpen()', 'this.#state.assertOpen()'),
  memory(
    'a store that returns null after it was closed',
    'this.#state.assertOpen()\n    return this.#read(id)',
    'return this.#state.isClosed ? null : this.#read(id)',
  ),
  ...(
    [
      ['a list during which nothing else runs', 'if (next !== null) await turn()', 'void turn'],
      [
        'a list whose last page is lost',
        '(next === null && found.length > 0)',
        '(next === null && found.length > size)',
      ],
    ] as const
  ).map(([title, find, replace]) =>
    on('test/engines/memory.test.ts', 'packages/strongroom/src/engines/shared/pages.ts')(title, find, replace),
  ),
  ...(
    [
      [
        'a list whose first slot stays when it is removed',
        'if (slot === this.first(list)) this.#first[list] = next',
        'if (next < 0) return',
      ],
      ['a list that forgets which slot is its last', 'next === 0 ? this.first(list) : next', 'next'],
    ] as const
  ).map(([title, find, replace]) =>
    on('test/engines/memory.test.ts', 'packages/strongroom/src/engines/memory/lists.ts')(title, find, replace),
  ),
  on('test/engines/memory.test.ts', 'packages/strongroom/src/engines/memory/table.ts')(
    'an entry under an id that only looks like its own',
    'if (idOf(this.text(slot)) === id) return slot',
    'return slot',
  ),
  memory(
    "a list of an owner's that shows what belongs to another one with the same hash",
    'this.#isLive(slot) && ownerOf(this.#table.text(slot)) === owner',
    'this.#isLive(slot) && owner.length > 0',
  ),
  on('test/core/many-sessions.test.ts', 'packages/strongroom/src/engines/sqlite/store.ts')(
    'deleteAll that stops after one batch',
    'while (batch === DELETED_AT_ONCE)',
    'while (batch < 0)',
  ),
  on('test/engines/redis/owners.test.ts', 'packages/strongroom/src/engines/redis/owners.ts')(
    'a list that misses what shares its score with many',
    'const limit = STEP + ties',
    'const limit = STEP; void ties',
  ),
  on('test/engines/redis/owners.test.ts', 'packages/strongroom/src/engines/redis/owners.ts')(
    'a list that shows what was touched meanwhile again',
    ' && !seen.has(texts[at] as Id)',
    '',
  ),
  on('test/engines/redis/owners.test.ts', 'packages/strongroom/src/engines/redis/owners.ts')(
    'a script for each session of a page',
    'connection.isOneServer ? [await run(all)]',
    'false ? [await run(all)]',
  ),
  on('test/engines/redis/owners.test.ts', 'packages/strongroom/src/engines/redis/scripts.ts')(
    'a sweep in Redis that takes an index for done in which it stopped',
    'return { removed, at - 1 }',
    'return { removed, at }',
  ),
  on('test/engines/redis/owners.test.ts', 'packages/strongroom/src/engines/redis/scripts.ts')(
    'a log out everywhere that leaves the ids of ended sessions in the index',
    "if index then redis.call('ZREM', index, idIn(key)) end",
    '',
  ),
  on('test/engines/redis/owners.test.ts', 'packages/strongroom/src/engines/redis/scripts.ts')(
    'a log out everywhere that ends what now belongs to somebody else',
    ' and ownerOf(head) == owner and head',
    ' and head',
  ),
  on('test/engines/moving.test.ts', 'packages/strongroom/src/engines/moving/combined.ts')(
    'a list that shows what was moved meanwhile twice',
    '!listed.has(listing.id) && ',
    '',
  ),
  on('test/engines/moving.test.ts', 'packages/strongroom/src/engines/moving/combined.ts')(
    'a list that shows what is in both stores twice',
    'page.filter((_, index) => !there[index])',
    'page.filter((_, index) => !there[index]?.isEnded)',
  ),
  on('test/core/outage.test.ts', 'packages/strongroom/src/backing/guard.ts')(
    'a list without a time limit',
    'await page(() => pages.next())',
    'await pages.next()',
  ),
  on('test/core/many-sessions.test.ts', 'packages/strongroom/src/request/user-limit.ts')(
    'a refused login that reads all sessions of the account',
    'if (others.length >= enough) break',
    'void enough',
  ),
  on('test/core/many-sessions.test.ts', 'packages/strongroom/src/request/user-limit.ts')(
    'a limit that ends some of the oldest only',
    'at < over; at += ENDED_AT_ONCE',
    'at < Math.min(over, ENDED_AT_ONCE); at += ENDED_AT_ONCE',
  ),
  on('test/core/many-sessions.test.ts', 'packages/strongroom/src/admin/devices.ts')(
    'a list of devices that opens all labels at once',
    'if (devices.length > 0) await turn()',
    'void turn',
  ),
  memory('a full store that drops a live entry', ' || this.#isLive(first)) throw', ') throw'),
  memory('a store that grows past its bytes', 'this.#lacks(bytes) ?', 'false ?'),
  memory('an update that is refused in a full store', 'this.#max && replaced === NONE ?', 'this.#max ?'),
  memory(
    'a store that evicts and has lists',
    'if (this.#owners) this',
    'this.byOwner = this.#index(this.#owners ?? new Owners(slots))\n    if (this.#owners) this',
  ),
  memory(
    'a touched deadline that the search for room does not know of',
    'this.#table.expiresAt[slot] = expiresAt\n    this.#deadlines?.move(slot)',
    'this.#table.expiresAt[slot] = expiresAt',
  ),
  memory('an expired entry that stays beside the one that takes its id', 'if (old !== NONE) this.#remove(old)\n', ''),
  ...(
    [
      ['a memo that counts what was replaced', 'this.#weight += weight - before.weight', 'this.#weight += weight'],
      ['a memo that counts what was deleted', 'this.#weight -= this.#young.get(key)?.weight ?? 0', 'void this.#weight'],
      [
        'a memo that keeps an older value of a key',
        'if (!this.#young.delete(key)) this.#old.delete(key)',
        'this.#young.delete(key)',
      ],
      [
        'a memo that a value outgrows in place',
        'before && this.#weight - before.weight + weight <= this.#half',
        'before',
      ],
    ] as const
  ).map(([title, find, replace]) =>
    on('test/core/memo.test.ts', 'packages/strongroom/src/base/memo.ts')(title, find, replace),
  ),
  on('test/engines/memory.test.ts', 'packages/strongroom/src/engines/memory/deadlines.ts')(
    'a removed entry whose place in the heap is taken by a later one',
    '    this.move(last)\n',
    '',
  ),
  on('test/engines/cached.test.ts', 'packages/strongroom/src/engines/cached/cached.ts')(
    'a cache that fills up and refuses copies',
    'if (!cache.traits.evicts && !cache.traits.expiresByItself)',
    'if (false as boolean)',
  ),
  on('test/engines/memory.test.ts', 'packages/strongroom/src/engines/memory/item.ts')(
    'bytes that are cut off at the first zero',
    'all.set(bytes, bytesAt)',
    'all.fill(0, bytesAt).set(bytes.subarray(0, bytes.indexOf(0) >>> 0), bytesAt)',
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
    'return this.#run(() => this.#locks.withLock(lockOf(id), request, work))',
    'void [lockOf(id), request]\n    return this.#run(work)',
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
    "if expected ~= '' and versionOf(head) ~= expected then return 0 end\nlocal owner",
    'local owner',
  ),
  cached('a fresh read that returns a copy', '!options?.fresh && ', ''),
  cached(
    'a fresh read that lets the store below return a copy',
    'const found = await this.#durable.read(id, options)',
    'const found = await this.#durable.read(id)',
  ),
  ...copyMutations,
  ...currentMutations,
  ...peerMutations,
  ...ownerMutations,
  file(
    "another owner's sessions in a list",
    'listings: listings.filter((listing) => listing.owner === owner)',
    'listings',
  ),
  disk('a file that everyone can read', "orNull(open(path, 'w', 0o600))", "orNull(open(path, 'w', 0o644))"),
  file('a deleteAll that ends a session that has another owner now', '(found) => found.owner === owner', '() => true'),
  lock('a lock that two hold', 'if (isBusy(error)) return false', 'if (isBusy(error)) return true'),
  lock(
    'a lock that is taken although others wait for it',
    'if (this.#mark === this.#respected && begins(this.#lock)) return true',
    'void this.#respected\n    if (begins(this.#lock)) return true',
  ),
  lock('a wait that leaves no mark', 'utimesSync(this.#path, now, now)', 'void [utimesSync, now]'),
  lock('a stopped process that blocks everyone else', 'if (isPast(patience) && begins(this.#lock)) return true', ''),
  locks('two changes of one session that have a lock together', ' || seen.has(next)', ''),
  locks('a change of several sessions beside that of one', 'session === undefined || queue', 'queue'),
  locks('a turn at a lock that never ends', ' || seen.size === TURN', ''),
  synced('disk')(
    'an update that is acknowledged before its name is on the disk',
    '    await this.#sync(dirname(path))\n  }\n\n  /** Sets',
    '    void this.#sync(dirname(path))\n  }\n\n  /** Sets',
  ),
  synced('disk')('a name that comes before the bytes', 'if (this.#durable) await fsync(file)', 'void fsync'),
  synced('disk')('a sync that nobody has asked for', 'if (this.#durable && process', 'if (process'),
  disk('a part of a file that is taken for the whole', 'image.length; ) at +=', '1; ) at +='),
  synced('sync')(
    'a sync that is shared by those whose changes it may have missed',
    '?? this.#beginAfter(current, directory)',
    '?? current',
  ),
  synced('sync')('the failure of another sync', 'await current.catch(() => {})', 'await current'),
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
const outcome = on(adapter, 'packages/strongroom/src/request/outcome.ts')
const load = on(adapter, 'packages/strongroom/src/request/load.ts')
const commit = on(adapter, 'packages/strongroom/src/request/commit.ts')
const plan = on(adapter, 'packages/strongroom/src/request/plan.ts')
const saving = on(adapter, 'packages/strongroom/src/request/save.ts')
const state = on(adapter, 'packages/strongroom/src/session/changes.ts')
const server = on(adapter, 'packages/strongroom/src/backing/server.ts')
const touch = (file: string) => on('test/core/touch.test.ts', file)
const cookieBacking = on(adapter, 'packages/strongroom/src/backing/cookie.ts')
const cookies = on(adapter, 'packages/strongroom/src/http/cookie.ts')

const spellings = on('test/browser/cookie-spellings.test.ts', 'packages/strongroom/src/http/cookie.ts')

const adapterMutations: Mutation[] = [
  spellings(
    'a dead cookie that stays in a jar for each site',
    '[false, true].map((partitioned)',
    '[false].map((partitioned)',
  ),
  spellings('a dead cookie that stays under another domain', ', ...domainsOf(host)])', '])'),
  spellings('a dead cookie that stays under another path', "[...new Set(['/', path])]", '[path]'),
  spellings(
    'a cookie of another jar whose removal browsers refuse',
    'secure || one.partitioned || PREFIXED.test(one.name)',
    '!secure',
  ),
  headers('missing Vary', "if (!vary) headers.set('Vary', by)", 'if (!vary) return'),
  headers(
    "the application's own Vary replaced",
    "headers.set('Vary', `${vary}, ${by}`)",
    "headers.set('Vary', 'Cookie')",
  ),
  headers('a cookie that caches may store', "headers.set('Cache-Control', 'no-store')", 'return'),
  headers(
    "the application's own cookies replaced",
    "headers.append('Set-Cookie', setCookie)",
    "headers.set('Set-Cookie', setCookie)",
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
  on('test/adapters/mounted-twice.test.ts', 'packages/strongroom/src/request/attached.ts')(
    'a visit of its own for each place where the adapter is mounted',
    'const first = before === undefined || isOver',
    'const first = before === undefined || isOver || request !== alias',
  ),
  on('test/adapters/mounted-twice.test.ts', 'packages/strongroom/src/request/attached.ts')(
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
    '} catch (error) {\n      throw error\n      await fail(error)',
  ),
  on('test/adapters/exceptions.test.ts', 'packages/strongroom/src/adapters/node/fail.ts')(
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
    '.finally(() => records.forgetOwner(tag, except))',
    '',
  ),
  on('test/core/forgetting.test.ts', 'packages/strongroom/src/backing/server.ts')(
    'a logout that leaves the contents in memory',
    '.finally(() => records.forget(id))',
    '',
  ),
  on('test/core/forgetting.test.ts', 'packages/strongroom/src/backing/cookie.ts')(
    'revokeAll() that leaves the contents of cookies in memory',
    '.finally(() => known.forget(({ content }) => content.meta.userId === userId))',
    '',
  ),
  on('test/core/create.test.ts', 'packages/strongroom/src/http/signed-cookies.ts')(
    'a signed cookie that production sends in the clear',
    'partitioned }, production)',
    'partitioned }, false)',
  ),
  on('test/adapters/plain-client.test.ts', 'packages/strongroom/src/adapters/shared/outcome.ts')(
    'a client that does not know Partitioned and is logged out by the response that renames its cookie',
    "for (const line of clearCookies) headers.append('Set-Cookie', line)\n  if (setCookie !== null) headers.append('Set-Cookie', setCookie)",
    "if (setCookie !== null) headers.append('Set-Cookie', setCookie)\n  for (const line of clearCookies) headers.append('Set-Cookie', line)",
  ),
  hold(
    'chunks that are replayed in the wrong order',
    'of this.#queue?.splice(0) ?? []) {\n      result',
    'of this.#queue?.splice(0).reverse() ?? []) {\n      result',
  ),
  load(
    'a store call for a visitor without a cookie',
    'if (cookie === undefined) return NO_COOKIE',
    "if (cookie === undefined) void Promise.resolve(context.backing.load({ id: '0'.repeat(64), text: '' } as never)).catch(() => undefined)\n  if (cookie === undefined) return NO_COOKIE",
  ),
  visit(
    'an outage treated as a logout',
    '      this.#rethrow(error)\n    }\n  }\n\n  /**\n   * What was loaded may be a copy',
    '      this.#session = new Session<Data>(newState(this.#context, () => NO_COOKIE, undefined, this.#headers), proofs)\n      return this.#session\n    }\n  }\n\n  /**\n   * What was loaded may be a copy',
  ),
  on('test/core/several-cookies.test.ts', 'packages/strongroom/src/request/load.ts')(
    'the first of two valid cookies accepted',
    'if (second) {',
    'if (second && results.length === 0) {',
  ),
  on('test/core/copies-of-a-cookie.test.ts', 'packages/strongroom/src/request/load.ts')(
    'an older copy of the cookie, planted beside the newer one, that brings an older state back',
    '!before || backing.isNewer?.(one.ref, before.ref)',
    '!before',
  ),
  on('test/core/copies-of-a-cookie.test.ts', 'packages/strongroom/src/backing/cookie.ts')(
    'an older copy of the cookie that counts because its deadline is later',
    'one.madeAt > other.madeAt',
    'one.expiresAt > other.expiresAt',
  ),
  on('test/core/copies-of-a-cookie.test.ts', 'packages/strongroom/src/request/load.ts')(
    'a session that a logout ends twice',
    'if (chosen) byId.delete(chosen.cookie.id)',
    '',
  ),
  outcome(
    'a cookie set for every reader',
    'return setCookie === null ? READ',
    "return setCookie === null ? { setCookie: 'x=1', used: true }",
  ),
  visit(
    'a change after the first byte that is silently lost',
    '// Before the next line, which may throw: the page about that error must not try again.\n    state.close()',
    '',
  ),
  plan('changes saved although the page failed', 'if (dropped) return null', ''),
  plan(
    'a logout lost because the page about it failed',
    "if (intent?.verb === 'logout' || state.loggedOut) {",
    "if (dropped) return null\n  if (intent?.verb === 'logout' || state.loggedOut) {",
  ),
  saving(
    'a session that is created again after it ended',
    "if (!newer || context.binding?.isUnproven(newer, task.headers)) return 'gone'",
    'if (!newer) return { ...given.loaded, ref: await context.backing.create(given.loaded, given.loaded.ref.expiresAt) }',
  ),
  saving(
    "a conflict resolved by overwriting the other request's change",
    'const result = await saveOver(newer, task, given, applyAgain(task, given.changes, newer.values))',
    'const result = await saveOver(newer, task, given, task.state.values)',
  ),
  saving(
    'a conflict that is not retried',
    'runExclusive(task.context.backing, `session ${loaded.ref.cookie.id}`, () => saveOverNewer(task, given))',
    'loaded',
  ),
  on(adapter, 'packages/strongroom/src/request/login.ts')(
    'a login that does not replace the old session',
    'if (await context.backing.replace(seen.ref)) {',
    'if (attempt > 0) {',
  ),
  commit(
    'a logout that only clears the cookie',
    'if (!(await endOne(ref))) continue',
    'if (refs.length > 0 || !(await endOne(ref))) continue',
  ),
  plan(
    'a session for every visitor',
    'if (empty || superseded?.isRecent) return null',
    'if (superseded?.isRecent) return null',
  ),
  plan(
    'a touch in every request',
    'const expiresAt = touchDue(context.clock(), loaded.ref.expiresAt, loaded.meta, context.touchShare)',
    'const expiresAt = touchDue(context.clock(), 0, loaded.meta, context.touchShare)',
  ),
  plan('no touch at all', 'return expiresAt === null ? null', 'return expiresAt !== 0 ? null'),
  state(
    'a change in a nested value that goes unnoticed',
    'if (text === state.base) return null',
    'if (!edits && !cleared) return null',
  ),
  on('test/core/cookie-engine.test.ts', 'packages/strongroom/src/engines/cookie/cookie.ts')(
    'revocations in a store that may drop them',
    'if (revocations?.traits.evicts)',
    'if (false as boolean && revocations)',
  ),
  server(
    'an update that ignores the version that was read',
    'return ref.version ?? (await present',
    'return (await present',
  ),
  touch('packages/strongroom/src/backing/server.ts')(
    'a touch that cuts a session which was given another lifetime in between',
    'store.touch(ref.cookie.id, expiresAt, version)',
    'store.touch(ref.cookie.id, expiresAt)',
  ),
  touch('packages/strongroom/src/request/save.ts')(
    'a write that tries again with the copy that it has lost with',
    'const result = await context.backing.load(presentedCookie(ref), { fresh: true, wasLoaded: true })',
    'const result = await context.backing.load(presentedCookie(ref), { wasLoaded: true })',
  ),
  touch('packages/strongroom/src/request/login.ts')(
    'a login that tries again with the copy that it has lost with',
    'const newer = await loadNewer(context, old.ref)',
    'const newer = seen',
  ),
  touch('packages/strongroom/src/request/save.ts')(
    'a session that is reported as gone because another request was faster',
    'return !isLoaded(await backing.load(presentedCookie(ref), { fresh: true, wasLoaded: true }))',
    'return isLoaded(await backing.load(presentedCookie(ref), { fresh: true, wasLoaded: true }))',
  ),
  cookieBacking(
    'revocations that are written and never read',
    'return revocations ? checked(revocations, session) : loadedFrom(session)',
    'return loadedFrom(session)',
  ),
  cookies('a cookie that script can read', 'httpOnly: true,\n    secure,', 'httpOnly: false,\n    secure,'),
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
  signing('packages/strongroom/src/crypto/signed-value.ts')(
    'a signed cookie that is good in every application with the same secrets',
    '.update(namespacePrefix(namespace))',
    '',
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
  on('test/core/every-request.test.ts', 'packages/strongroom/src/request/plan.ts')(
    'saveEveryRequest that saves only what was changed',
    "if (context.saveEveryRequest || context.resaves) return { verb: 'refresh', loaded }",
    "if (context.resaves) return { verb: 'refresh', loaded }",
  ),
]

const adoption = (file: string) => on('test/core/adoption.test.ts', file)

const adoptionMutations: Mutation[] = [
  adoption('packages/strongroom/src/adoption/receipts.ts')(
    'two sessions from one that was adopted',
    'if (!created) await context.backing.discard(ref)\n  else if',
    'if',
  ),
  adoption('packages/strongroom/src/adoption/receipts.ts')(
    'a driver that sends a write twice and so logs its visitor out',
    'const created = first !== null || receipt?.session?.id === cookie.id',
    'const created = first !== null',
  ),
  adoption('packages/strongroom/src/adoption/visitors.ts')(
    'a logout that an old cookie reverses',
    'await endNamed(task, { source, origin: this.originOf(source.name, key) }, current)',
    '',
  ),
  adoption('packages/strongroom/src/adoption/visitors.ts')(
    'an adoption although the visitor has a cookie of ours',
    'if (hasCookieOfOurs(context, cookies)) return null',
    '',
  ),
  adoption('packages/strongroom/src/adoption/visitors.ts')(
    "a source's cookie that is removed before its session ended",
    'clear: found.isOver ? this.#linesOf(source) : []',
    'clear: this.#linesOf(source)',
  ),
  adoption('packages/strongroom/src/adoption/adopt.ts')(
    'a copy that is left behind although its visitor was adopted in the meantime',
    'if (await receiptOf(context, origin)) {\n    await dropCopies(context, origin)\n',
    'if (await receiptOf(context, origin)) {\n',
  ),
  adoption('packages/strongroom/src/adoption/receipts.ts')(
    'an adoption that could not be checked, and leaves a session that nobody can reach',
    'await context.backing.discard(ref).catch(() => undefined)\n',
    '',
  ),
  adoption('packages/strongroom/src/adoption/source.ts')(
    'an end date that is ignored',
    'if (now < this.until) return true',
    'return true',
  ),
]

const adoptedKeys = (file: string) => on('test/core/adopted-keys.test.ts', `packages/strongroom/src/${file}`)

const adoptedKeyMutations: Mutation[] = [
  adoptedKeys('adoption/receipts.ts')(
    "a source's key that opens its session for as long as that lives",
    'const isSpent = sentAt !== null && context.clock() >= sentAt + IN_FLIGHT',
    'const isSpent = false',
  ),
  adoptedKeys('adoption/receipts.ts')(
    "a source's key that stays good after our cookie was sent",
    'if (receipt && sends) await send(context, receipt)',
    '',
  ),
  adoptedKeys('adoption/visitors.ts')(
    'a session that was adopted in advance, and whose key is never spent',
    'if (responds && found) await send(context, receipt)',
    '',
  ),
  adoptedKeys('request/visit.ts')(
    'an adoption without a response that spends the key all the same',
    'const responds = this.#responds && !this.#begun',
    'const responds = !this.#begun',
  ),
  adoptedKeys('request/visit.ts')(
    'an adoption after the response has begun that spends the key all the same',
    'const responds = this.#responds && !this.#begun',
    'const responds = this.#responds',
  ),
  adoptedKeys('request/visit.ts')(
    'a request with an old key whose cookie overwrites that of a renewal',
    "if (found && 'superseded' in found) this.#found = { ...this.#found, superseded: found }\n    else if (found)",
    "if (found && 'ref' in found)",
  ),
  adoptedKeys('adoption/visitors.ts')(
    'a receipt for each key that is made up',
    'if (!known) return null\n',
    'if (!known) return storeEnd(context, origin, 0).then(() => null)\n',
  ),
  adoptedKeys('adoption/visitors.ts')(
    'a made-up key that the source refuses, and that leaves a receipt',
    'return session.userId === undefined ? null : { userId: session.userId, expiresAt: 0 }',
    'return { userId: session.userId ?? null, expiresAt: 0 }',
  ),
  adoptedKeys('adoption/visitors.ts')(
    'a logout that leaves a session which was adopted in advance',
    'found.ref.cookie.id === current) return',
    'found.ref.cookie.id) return',
  ),
  adoptedKeys('adoption/visitors.ts')(
    'a logout that a parallel adoption was faster than',
    'if (!(await storeEnd(context, origin, known.expiresAt))) return receiptOf(context, origin)',
    'await storeEnd(context, origin, known.expiresAt)',
  ),
  adoptedKeys('adoption/receipts.ts')(
    'an adoption after all sessions of its user were ended',
    'if (await hasEnded(context, origin, userId)) return null',
    '',
  ),
  adoptedKeys('adoption/receipts.ts')(
    'an adoption that survives when all sessions are ended in the middle of it',
    'if (ended) {\n    await',
    'if (ended && ref.version !== null) {\n    await',
  ),
  adoptedKeys('adoption/adopt.ts')(
    'a session that is moved after all sessions of its user were ended',
    'if (await hasEnded(context, origin, content.meta.userId)) return ENDED',
    '',
  ),
  adoptedKeys('backing/user-index.ts')(
    'an end of all sessions that is forgotten while older ones may be adopted',
    'Math.max(now + MARGIN, Math.min(options.rememberedUntil, now + LONGEST))',
    'now + MARGIN',
  ),
  adoptedKeys('adoption/receipts.ts')(
    'an older copy of a signed cookie that works after the logout',
    "stateless ? 'one' : 'all'",
    "'all'",
  ),
  adoptedKeys('adoption/visitors.ts')(
    'older copies of a signed cookie that work after a logout which named a newer one',
    'if (source.stateless && known.userId !== null) await context.backing.users.rememberEnd?.(known.userId)',
    '',
  ),
  adoptedKeys('backing/server.ts')(
    'a logout that leaves older copies of a signed cookie',
    'await ended.add(owner)\n      return forgetting(',
    'return forgetting(',
  ),
  adoptedKeys('backing/server.ts')(
    'a login of somebody else that leaves older copies of a signed cookie',
    'await ended.add(owner)\n      const version',
    'const version',
  ),
  adoptedKeys('backing/server.ts')(
    'a revocation that leaves older copies of a signed cookie',
    'await ended.add(await ended.ownerOf(id))',
    '',
  ),
  adoptedKeys('backing/server.ts')(
    'an undone adoption that counts as the end of a session',
    'discard(ref) {\n      const { cookie, owner } = ref as RecordRef',
    'async discard(ref) {\n      const { cookie, owner } = ref as RecordRef\n      await ended.add(owner)',
  ),
  adoptedKeys('backing/server.ts')(
    'a session that an altered label hides from its user',
    "if (own ? !hasLabel(entry, own) : !isEmptied && !isSession(entry)) return { refused: 'forged' }",
    '',
  ),
  adoptedKeys('backing/ended-users.ts')(
    'an end that is not found after the secrets were rotated',
    'ring.masters.map((master) => ownId',
    '[ring.current].map((master) => ownId',
  ),
  adoptedKeys('admin/inspect.ts')(
    'entries of the library that count as sessions',
    'const all = page.filter(isSession)',
    'const all = page',
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
  on('test/engines/batching.test.ts', 'packages/strongroom/src/engines/mysql/batch.ts')(
    'a batch of writes whose text the driver searches',
    'connection.query(statement(text), null)',
    'connection.query(statement(text), [] as never)',
  ),
  on('test/engines/batching.test.ts', 'packages/strongroom/src/engines/mysql/statements.ts')(
    'a batch whose text the driver caches',
    'namedPlaceholders: false, ',
    'namedPlaceholders: undefined as never, ',
  ),
  on('test/engines/batching.test.ts', 'packages/strongroom/src/engines/shared/batcher.ts')(
    'a call that waits for ever for a locked row',
    'call.fail(this.#options.tooLate(limit))',
    'undefined',
  ),
  on('test/engines/batching.test.ts', 'packages/strongroom/src/engines/postgres/statements.ts')(
    'a payload in another encoding than the one that is read',
    "encode(payload, 'base64')",
    "encode(payload, 'hex')",
  ),
  on('test/engines/batching.test.ts', 'packages/strongroom/src/engines/postgres/client.ts')(
    'a write that is acknowledged before it is committed',
    'this.#rows = []\n  }',
    'this.#rows = []\n    if (this.#results.length === this.#parameters.length) this.callback(null, this.#results)\n  }',
  ),
]

const redisMutations: Mutation[] = [
  on('test/engines/redis/cork.test.ts', 'packages/strongroom/src/engines/redis/ioredis.ts')(
    'a system call for each read of Redis',
    '      cork()\n      return driver.get(key)',
    '      return driver.get(key)',
  ),
  on('test/engines/redis/cork.test.ts', 'packages/strongroom/src/engines/redis/cork.ts')(
    'a connection that is corked in its first turn only',
    '    corked?.uncork()\n    corked = undefined',
    '    corked?.uncork()',
  ),
  on('test/engines/redis/behaviour.test.ts', 'packages/strongroom/src/engines/redis/scripts.ts')(
    'a session that Redis drops at its deadline, by a clock that may be ahead',
    'math.max(deadline - now, 0) + ${GRACE}',
    'math.max(deadline - now, 0)',
  ),
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
  inCrypto('checked')(
    'a cipher that opens what was forged',
    'return decrypt(out, 0, BY, ASSOCIATED) === null',
    'return true',
  ),
  inCrypto('checked')(
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
    'if (!equal(commitment, sealed.subarray(saltAt + SALT, textAt))) return FORGED',
    'if (ciphers[name] && !equal(commitment, sealed.subarray(saltAt + SALT, textAt))) return FORGED',
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
  inCrypto('primitives')('an HMAC without its outer hash', 'sha512(outer, into)', 'into.set(digest)'),
  on('test/core/crypto.test.ts', 'packages/strongroom/src/backing/create.ts')(
    'a cipher that is set where nothing is sealed',
    "if (options.cipher !== undefined && engine.protection === 'signed')",
    'if (options.cipher === null)',
  ),
]

const inToken = on('test/core/token.test.ts', 'packages/strongroom/src/crypto/token.ts')
const inOwner = on('test/core/token.test.ts', 'packages/strongroom/src/crypto/owner.ts')
const inNamespace = on('test/core/token.test.ts', 'packages/strongroom/src/crypto/namespace.ts')
const inSeal = (suite: string, file = 'crypto/seal') =>
  on(`test/core/${suite}.test.ts`, `packages/strongroom/src/${file}.ts`)
const inEverybody = on('test/core/everybody.test.ts', 'packages/strongroom/src/admin/everybody.ts')
const inRecords = on('test/core/records.test.ts', 'packages/strongroom/src/backing/records.ts')
const inServer = on('test/core/server-backing.test.ts', 'packages/strongroom/src/backing/server.ts')

/** One identity for a session's life, and tokens that change. */
const identityMutations: Mutation[] = [
  inEverybody(
    'a breach after which receipts and copies under the old secret stay',
    'isSession(listing) || hasLabel(listing, RECEIPT) || hasLabel(listing, COPY)',
    'isSession(listing) || hasLabel(listing, RECEIPT)',
  ),
  inEverybody('a breach that is judged by copies in a cache', 'store.read(id, { fresh: true })', 'store.read(id)'),
  inEverybody(
    'a breach after which a session ends that was stored again meanwhile',
    'store.delete(id, record.version)',
    'store.delete(id)',
  ),
  inEverybody(
    'secrets that are forgotten although the removal was interrupted',
    'if (!options.signal?.aborted) await backing.forgetKeys',
    'await backing.forgetKeys',
  ),
  on('test/core/known-keys.test.ts', 'packages/strongroom/src/assemble.ts')(
    'a key that is forgotten before the secrets are there',
    "a whole number from 0 to 255.')\n      await ring.ready()",
    "a whole number from 0 to 255.')",
  ),
  inToken(
    'a cookie that anyone can make',
    "return equal(tagOf(by, bytes), bytes.subarray(TAGGED)) ? verifiedFrom(bytes, text, by) : 'forged'",
    'return verifiedFrom(bytes, text, by)',
  ),
  inToken('a cookie of one application that is good in another', 'master.tag, namespace, {', "master.tag, '', {"),
  inToken(
    'a generation that the visitor chooses',
    '{ data: bytes, length: TAGGED }',
    '{ data: bytes.subarray(HEAD), length: TAGGED - HEAD }',
  ),
  inToken('a cookie with more than one spelling', 'if (text.length !== 88 || !TEXT.test(text))', 'if (!text)'),
  inToken('an id that is the same in two applications', 'master.id, namespace, {', "master.id, '', {"),
  inToken('an id that does not say whose it is', 'mac.set(namespaceTag(namespace), OF_SID)', ''),
  inToken('an id that a renewal changes', 'id: idOf(by, sid)', 'id: idOf(by, token)'),
  inToken('a renewal that begins another session', 'random.set(sid)', 'randomFillSync(random, 0, SID)'),
  inToken('a renewed token that can be guessed', 'randomFillSync(random, SID)', 'random.fill(7, SID)'),
  inToken(
    'a renewal that does not count',
    '{ secret: random, generation: generation + 1, primitives }',
    '{ secret: random, generation, primitives }',
  ),
  inToken('a token that stays where it was drawn', 'wipe(bytes)\n  wipe(secret)', 'wipe(bytes)'),
  inToken(
    'a computed token that two applications share',
    '.update(namespacePrefix(idsOf(names)))\n    .update(JSON.stringify(what))',
    '.update(JSON.stringify(what))',
  ),
  inToken('a computed token whose parts are joined', 'JSON.stringify(what)', "what.join('')"),
  inNamespace('a namespace that can be continued by what follows it', 'prefix.writeUInt32BE(name.length)', ''),
  inOwner(
    'users that two applications share',
    'master.owner).update(namespacePrefix(namespace)).update(userId)',
    'master.owner).update(userId)',
  ),
  on('test/core/keyring.test.ts', 'packages/strongroom/src/crypto/keyring.ts')(
    'one key for two uses',
    "tag: key('tag')",
    "tag: key('id')",
  ),
  inSeal('generations')(
    'a superseded cookie that counts as a forged record',
    'if (header && header.generation !== token.generation) return refusalOf(header, token)',
    '',
  ),
  inSeal('generations')(
    'a store that was rolled back and looks like a renewal',
    "{ refused: generation > token.generation ? 'superseded' : 'ahead' }",
    "{ refused: 'superseded' }",
  ),
  inSeal('generations')(
    'a record under the key of the server that opens for every token of its generation',
    "if (name === 'server-key' && !equal(bytes.subarray(at, at + CHECK), checkOf(token))) return { refused: 'forged' }",
    '',
  ),
  inSeal('generations')(
    'a plain record that opens for every token of its generation',
    'if (!isOurs || header.generation !== token.generation)',
    'if (header.generation !== token.generation)',
  ),
  inSeal('plain-record')(
    'a plain record whose generation does not count',
    'if (!isOurs || header.generation !== token.generation)',
    'if (!isOurs)',
  ),
  inSeal('plain-record')(
    'a plain record that can be counted under another secret',
    'header.bornUnder === token.master.kid && equal(',
    'equal(',
  ),
  inSeal('rotation')(
    'a secret that is called unneeded while sessions that began under it are alive',
    'const kids = [header?.bornUnder, sealedUnder(bytes)]',
    'const kids = [sealedUnder(bytes)]',
  ),
  inSeal('rotation', 'admin/inspect')(
    'a secret that is called unneeded while device labels are sealed under it',
    'if (forLabel !== null) kids.add(forLabel)',
    '',
  ),
  inSeal('plain-record')(
    'a token that stands in a plain record',
    "checkOf(token).toString('base64url')",
    "Buffer.from(token.token).toString('base64url').slice(0, 22)",
  ),
  inSeal('seal')(
    'a record that opens with the secrets alone',
    "secret: name === 'two-key' ? token.token : null",
    'secret: null',
  ),
  inSeal('seal')(
    'a record that can be filed under another user',
    "const context = token.id + (owner ?? '')",
    'const context: string = token.id',
  ),
  inSeal('seal')(
    'a record that is lost because of a clock that is far off',
    'Math.min(Math.max(Math.trunc(seconds) || 0, 0), 0xffff_ffff)',
    'seconds',
  ),
  inSeal('seal', 'crypto/aead')(
    'a header that can be altered',
    'move(sealed, 0, data, 0, saltAt)',
    'move(sealed, 0, data, 0, HEADER_AT)\n    data.fill(0, HEADER_AT, saltAt)',
  ),
  inSeal('label')(
    'a label that does not say which credential its login belongs to',
    'const parts: unknown[] = [text, idle, deadline, stamp]',
    'const parts: unknown[] = [text, idle, deadline, undefined]',
  ),
  inSeal('label')(
    'a label that can be shown for another session',
    'context: id, associated: id }',
    "context: '', associated: '' }",
  ),
  inRecords('a memo that opens for a superseded cookie', 'known.cookie === token.text &&', ''),
  inRecords('a memo that opens for another owner', 'known.owner === owner &&', ''),
  inRecords('a memo that opens what was altered', ' && known.bytes.equals(bytes)', ''),
  inRecords('a memo that keeps slabs of other Buffers', 'lastingCopy(given), cookie', 'Buffer.from(given), cookie'),
  on('test/core/records.test.ts', 'packages/strongroom/src/backing/entries.ts')(
    'a memo that new sessions fill',
    'was ? content : null',
    'content',
  ),
  inRecords("a memo of the caller's own buffer", '{ bytes: lastingCopy(given), cookie', '{ bytes: given, cookie'),
  inRecords(
    'a memo that forgets the session that goes on',
    'record.owner === owner && id !== except',
    'record.owner === owner',
  ),
  on('test/core/records.test.ts', 'packages/strongroom/src/session/changes.ts')(
    'a request that writes to the values of others after a save that changed nothing',
    'if (values === shared) return values\n',
    '\n',
  ),
  inServer(
    'a session that the request which began it takes back after a renewal',
    "!('refused' in records.open(found.entry, token)) ? found : null",
    'Boolean(token) ? found : null',
  ),
  inServer(
    'a planted cookie that ends the session after a renewal',
    'const ends = entry.owner === null ? null :',
    'const ends =',
  ),
  inServer('a renewal that was not stored and is not tried again', 'second = await put()', 'second = await null'),
  inServer(
    'a lost answer that leaves the visitor with a token that opens nothing',
    'const version = second ?? (await present(token))?.version ?? null',
    'const version = second ?? null',
  ),
]

export const mutations: readonly Mutation[] = [
  ...storeMutations,
  ...batchMutations,
  ...redisMutations,
  ...adapterMutations,
  ...djangoParityMutations,
  ...adoptionMutations,
  ...adoptedKeyMutations,
  ...comingOverMutations,
  ...cryptoMutations,
  ...identityMutations,
  ...protocolMutations,
  ...djangoMutations,
  ...cliMutations,
  ...advisorMutations,
  ...commandLineMutations,
  ...labMutations,
  ...doctorMutations,
  ...foundMutations,
  ...besideDjangoMutations,
  ...operatorMutations,
  ...siteMutations,
  ...studioMutations,
  ...benchmarkMutations,
  ...estimateMutations,
  ...connectStoreMutations,
  ...bearerMutations,
  ...adapterSuiteMutations,
  ...aroundMutations,
  ...auditMutations,
  ...expressSessionMutations,
  ...mistakeMutations,
  ...passportMutations,
  ...addressMutations,
  ...signalMutations,
  ...deviceBoundMutations,
  ...hostMutations,
  ...sveltekitAstroMutations,
  ...fastifyKoaMutations,
  ...reactFrameworkMutations,
  ...h3Mutations,
  ...nextMutations,
  ...wsMutations,
  ...labAttackMutations,
  ...renewalMutations,
  ...requestMutations,
  ...figureMutations,
  ...dataSchemaMutations,
  ...databaseMutations,
  ...demoMutations,
  ...telemetryMutations,
  ...usageMutations,
  ...nestMutations,
  ...stepUpMutations,
  ...policyMutations,
  ...checklistMutations,
]
