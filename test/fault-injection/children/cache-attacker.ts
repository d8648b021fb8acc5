import { randomInt } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { pack, unpack } from '../../../packages/strongroom/src/engines/shared/packing.ts'
import type { StoreLocation } from '../fixtures/location.ts'
import { rawCache } from '../fixtures/raw-cache.ts'

/**
 * Someone who reads and writes everything in the cache, and has neither the secrets nor the durable store. The message "go" starts
 * it; then it reports the number of attacks of each kind, after each round. Each changes what is in one slot.
 */
const cache = rawCache(JSON.parse(process.argv[2] ?? '') as StoreLocation)

/** What precedes the copy itself: version 1 ‖ kid 1 ‖ tag 32. Then the moment, 8, and the packed entry. */
const HEAD = 34
const ENTRY = HEAD + 8
/** Every copy that was ever seen in a slot, oldest first. */
const seen = new Map<string, Buffer[]>()
const MOST = 200
const DAY = 86_400_000

const oneOf = <T>(list: readonly T[]): T => list[randomInt(list.length)] as T
const isCopy = (bytes: Buffer) => bytes.length > ENTRY && unpack(bytes, ENTRY) !== null

/** An old copy as if it had been read just now. */
function retimed(copy: Buffer): Buffer {
  const forged = Buffer.from(copy)
  forged.writeDoubleLE(Date.now() - randomInt(20), HEAD)
  return forged
}

/** An old entry under the version of the current one, with either head. */
function reversioned(old: Buffer, current: Buffer): Buffer {
  const [before, now] = [unpack(old, ENTRY), unpack(current, ENTRY)]
  if (!before || !now) return old
  return Buffer.concat([oneOf([old, current]).subarray(0, ENTRY), pack(before.entry, now.version)])
}

function edited(copy: Buffer): Buffer {
  const forged = Buffer.from(copy)
  const at = randomInt(forged.length)
  forged[at] = (forged[at] as number) ^ (1 << randomInt(8))
  return forged
}

/** What each kind of attack puts into a slot: null is nothing at all. */
const ATTACKS: Record<string, (copies: readonly Buffer[]) => Buffer | null> = {
  replay: (copies) => oneOf(copies),
  'put in another slot': () => oneOf(oneOf([...seen.values()])),
  edit: (copies) => edited(oneOf(copies)),
  'give a new moment': (copies) => retimed(oneOf(copies)),
  'give the current version': (copies) => reversioned(oneOf(copies), copies.at(-1) as Buffer),
  'plant a tombstone': () => Buffer.of(0),
  remove: () => null,
}

const counts = Object.fromEntries(Object.keys(ATTACKS).map((kind) => [kind, 0]))

async function round(): Promise<void> {
  const slots = await cache.readAll()
  for (const [key, value] of slots) {
    const bytes = Buffer.from(cache.unpack(value)?.entry.bytes ?? [])
    const copies = seen.get(key) ?? []
    if (!isCopy(bytes) || copies.some((copy) => copy.equals(bytes))) continue
    seen.set(key, [...copies, bytes].slice(-MOST))
  }
  // Also slots that are empty now: their sessions may have ended.
  const chosen = [...seen].sort(() => randomInt(3) - 1).slice(0, 20)
  const attacks = chosen.map(async ([key, copies]) => {
    const kind = oneOf(Object.keys(ATTACKS))
    const bytes = ATTACKS[kind]?.(copies) ?? null
    const [expiresAt, createdAt] = [Date.now() + DAY, Date.now()]
    const entry = bytes && { bytes, expiresAt, createdAt, owner: null, label: null }
    await cache.write(key, entry && cache.pack({ entry, version: randomInt(2 ** 47) }))
    counts[kind] = (counts[kind] ?? 0) + 1
  })
  await Promise.all(attacks)
  process.send?.(counts)
}

process.once('message', async () => {
  // The victims need time in between, or there would be no copies to use.
  for (;;) await Promise.all([round(), wait(5)])
})
// The test that started it is gone.
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
