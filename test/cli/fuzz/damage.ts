import type { Random } from './random.ts'

/** Bytes of the original that are no longer there as they were: from, and up to. */
export type Range = readonly [start: number, end: number]

export interface Damaged {
  readonly bytes: Buffer
  readonly ranges: readonly Range[]
}

type Damage = (bytes: Buffer, random: Random) => Damaged

/** Where damage is likely to matter: anywhere, or near the beginning, where a format describes itself. */
const placeIn = (bytes: Buffer, random: Random) =>
  random.below(random.of([bytes.length, bytes.length, Math.min(bytes.length, 2000)]))

const flips: Damage = (bytes, random) => {
  const changed = Buffer.from(bytes)
  const ranges = Array.from({ length: 1 + random.below(4) }, (): Range => {
    const at = placeIn(bytes, random)
    changed[at] = (changed[at] as number) ^ (1 << random.below(8))
    return [at, at + 1]
  })
  return { bytes: changed, ranges }
}

const truncation: Damage = (bytes, random) => {
  const end = random.below(bytes.length)
  return { bytes: bytes.subarray(0, end), ranges: [[end, bytes.length]] }
}

const overwritten: Damage = (bytes, random) => {
  const at = placeIn(bytes, random)
  const end = Math.min(bytes.length, at + 1 + random.below(4096))
  const changed = Buffer.from(bytes)
  if (random.below(2) === 0) changed.fill(0, at, end)
  else random.bytes(end - at).copy(changed, at)
  return { bytes: changed, ranges: [[at, end]] }
}

const removed: Damage = (bytes, random) => {
  const at = placeIn(bytes, random)
  const end = Math.min(bytes.length, at + 1 + random.below(600))
  return { bytes: Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]), ranges: [[at, end]] }
}

/** Characters that mean something in SQL. */
const inserted: Damage = (bytes, random) => {
  const at = placeIn(bytes, random)
  const added = Buffer.from(
    random.of(["'", '"', '`', ';', '\\', '(', ')', '--', '/*', '*/', '$$', '\n', '\0', '\\.\n', '#', "';", "\\'"]),
  )
  return { bytes: Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at)]), ranges: [[at, at]] }
}

/** All ways in which a file is damaged. */
export const DAMAGE: readonly Damage[] = [flips, flips, truncation, overwritten, removed, inserted]
