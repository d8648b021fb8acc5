import type { Clock } from '../../store.ts'

const BUCKETS = 2 ** 16

/**
 * Which copies must no longer be used, wherever they are stored and whenever they turn up: for each id and each owner,
 * every copy that was read up to some moment.
 *
 * Ids and owner tags are random, so four of their digits choose one of 65 536 buckets: half a megabyte that never grows
 * and never forgets. What shares a bucket is read from the durable store once more, and that is all.
 */
export class Invalidations {
  readonly #clock: Clock
  /** 0, where nothing was ever invalidated, is 1970. */
  readonly #until = new Float64Array(BUCKETS)
  #allUntil = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Invalidates every copy of this id, or of this owner's sessions, that was read up to now. */
  add(key: string): void {
    const bucket = bucketOf(key)
    this.#until[bucket] = Math.max(this.#until[bucket] as number, this.#clock())
  }

  addAll(): void {
    this.#allUntil = Math.max(this.#allUntil, this.#clock())
  }

  /**
   * A copy read at the very moment of the invalidation counts as invalid: within one tick nobody knows which came
   * first.
   */
  covers(key: string, readAt: number): boolean {
    return readAt <= this.#allUntil || readAt <= (this.#until[bucketOf(key)] as number)
  }
}

/** The first four hexadecimal digits as a number: the low bits of each character, plus nine when it is a letter. */
function bucketOf(key: string): number {
  let bucket = 0
  for (let at = 0; at < 4; at++) {
    const code = key.charCodeAt(at)
    bucket = (bucket << 4) | (((code & 15) + (code >> 6) * 9) & 15)
  }
  return bucket
}
