import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Id } from '../../packages/strongroom/src/crypto/token.ts'
import { file } from '../../packages/strongroom/src/engines/file/file.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import type { Clock, Entry, IndexedStore, ScannableStore, Version } from '../../packages/strongroom/src/store.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { holds, listed, listingOf, sameListings, scanned } from '../../packages/strongroom/src/testing/store/expect.ts'

type Subject = IndexedStore & ScannableStore
type Make = (clock: Clock) => Promise<{ store: Subject; close(): Promise<void> }>

const IDS = ['a', 'b', 'c'].map((name) => name.repeat(64) as Id)
const OWNERS = ['0', '1'].map((name) => name.repeat(64))
const MINUTE = 60_000

const id = fc.constantFrom(...IDS)
const owner = fc.constantFrom(...OWNERS, null)
const lifetime = fc.integer({ min: -1, max: 30 }).map((minutes) => minutes * MINUTE)
const fields = fc.record({
  bytes: fc.uint8Array({ maxLength: 40 }),
  label: fc.option(fc.uint8Array({ maxLength: 10 })),
  owner,
  lifetime,
})
/** Which of the versions that this id has had so far; 0 is the newest. */
const age = fc.nat({ max: 2 })
const step = fc.oneof(
  fc.record({ verb: fc.constant('create' as const), id, fields }),
  fc.record({ verb: fc.constant('update' as const), id, fields, age, keepsOwner: fc.boolean() }),
  fc.record({ verb: fc.constant('touch' as const), id, lifetime, age: fc.option(age) }),
  fc.record({ verb: fc.constant('delete' as const), id, age: fc.option(age) }),
  fc.record({ verb: fc.constant('deleteAll' as const), owner: fc.constantFrom(...OWNERS), except: fc.option(id) }),
  fc.record({ verb: fc.constant('advance' as const), by: fc.nat({ max: 20 }).map((minutes) => minutes * MINUTE) }),
  fc.record({ verb: fc.constant('clearExpired' as const), dryRun: fc.boolean() }),
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** What a store is: a map and a clock. Expired entries stay until they are cleared or replaced, for the counts. */
class Model {
  readonly #entries = new Map<Id, { entry: Entry; version: Version }>()
  /** Of each id, oldest first. */
  readonly #versions = new Map<Id, Version[]>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  live(id: Id) {
    const found = this.#entries.get(id)
    return found && this.#clock() < found.entry.expiresAt ? found : null
  }

  of(owner: string) {
    return IDS.filter((id) => this.live(id)?.entry.owner === owner)
  }

  expired() {
    return [...this.#entries.keys()].filter((id) => !this.live(id))
  }

  version(id: Id, age: number): Version {
    return this.#versions.get(id)?.at(-1 - age) ?? 0
  }

  put(id: Id, entry: Entry, version: Version) {
    this.#entries.set(id, { entry, version })
    this.#versions.set(id, [...(this.#versions.get(id) ?? []), version])
  }

  remove(id: Id) {
    this.#entries.delete(id)
  }
}

function entryAt(
  now: number,
  { lifetime, ...rest }: { bytes: Uint8Array; label: Uint8Array | null; owner: string | null; lifetime: number },
): Entry {
  return { ...rest, expiresAt: now + lifetime, createdAt: now }
}

/** Takes the step in the store and in the model, and compares the results. */
async function take(store: Subject, model: Model, clock: ReturnType<typeof manualClock>, step: Step): Promise<void> {
  switch (step.verb) {
    case 'create': {
      const entry = entryAt(clock(), step.fields)
      assert.equal(await store.create(step.id, entry), !model.live(step.id))
      if (!model.live(step.id)) model.put(step.id, entry, (await store.read(step.id))?.version ?? -1)
      return
    }
    case 'update': {
      const found = model.live(step.id)
      const owner = found && step.keepsOwner ? found.entry.owner : step.fields.owner
      const entry = entryAt(clock(), { ...step.fields, owner })
      const version = model.version(step.id, step.age)
      const current = found?.version === version && found.entry.owner === owner
      const next = await store.update(step.id, entry, version)
      assert.equal(next !== null, current)
      if (next !== null) model.put(step.id, entry, next)
      return
    }
    case 'touch': {
      const version = step.age === null ? undefined : model.version(step.id, step.age)
      const found = model.live(step.id)
      const expiresAt = clock() + step.lifetime
      const moves = found !== null && (version === undefined || found.version === version)
      assert.equal(await store.touch(step.id, expiresAt, version), moves)
      if (moves) found.entry = { ...found.entry, expiresAt }
      return
    }
    case 'delete': {
      const version = step.age === null ? undefined : model.version(step.id, step.age)
      const found = model.live(step.id)
      const ends = found !== null && (version === undefined || found.version === version)
      assert.equal(await store.delete(step.id, version), ends)
      if (ends) model.remove(step.id)
      return
    }
    case 'deleteAll': {
      const ended = model.of(step.owner).filter((id) => id !== step.except)
      assert.equal(await store.byOwner.deleteAll(step.owner, step.except ?? undefined), ended.length)
      for (const id of ended) model.remove(id)
      return
    }
    case 'advance':
      clock.advance(step.by)
      return
    case 'clearExpired': {
      assert.equal(await store.clearExpired({ dryRun: step.dryRun }), model.expired().length)
      if (!step.dryRun) for (const id of model.expired()) model.remove(id)
    }
  }
}

async function assertEqual(store: Subject, model: Model): Promise<void> {
  const live = IDS.flatMap((id) => {
    const found = model.live(id)
    return found ? [{ id, ...found }] : []
  })
  for (const id of IDS) {
    const found = model.live(id)
    if (found) assert.equal(await holds(store, id, found.entry), found.version)
    else assert.equal(await store.read(id), null)
  }
  sameListings(
    await scanned(store),
    live.map(({ id, entry }) => listingOf(id, entry)),
  )
  for (const owner of OWNERS) {
    const expected = live.filter(({ entry }) => entry.owner === owner).map(({ id, entry }) => listingOf(id, entry))
    sameListings(await listed(store.byOwner, owner), expected)
  }
}

/** A store behaves like a map with a clock, whatever is done to it and in whatever order. */
function behaves(name: string, numRuns: number, make: Make): void {
  it(`${name} behaves like a map with a clock, whatever is done to it`, async () => {
    const steps = fc.array(step, { minLength: 1, maxLength: 40 })
    const property = fc.asyncProperty(steps, async (steps) => {
      const clock = manualClock()
      const model = new Model(clock)
      const { store, close } = await make(clock)
      try {
        for (const step of steps) {
          await take(store, model, clock, step)
          await assertEqual(store, model)
        }
      } finally {
        await close()
      }
    })
    await fc.assert(property, { numRuns })
  })
}

describe('the model', () => {
  behaves('memory', 1000, async (clock) => {
    const store = memory({ clock, max: 100 })
    return { store, close: () => store.close() }
  })

  behaves('sqlite', 500, async (clock) => {
    const store = sqlite({ path: ':memory:', clock })
    return { store, close: () => store.close() }
  })

  behaves('file', 60, async (clock) => {
    const dir = await mkdtemp(join(tmpdir(), 'strongroom-model-'))
    const store = file({ dir, clock, durable: false, timeout: 20_000 })
    const close = async () => {
      await store.close()
      await rm(dir, { recursive: true })
    }
    return { store, close }
  })
})
