import type { Clock } from '../../store.ts'

const PLACES = 2 ** 16

/**
 * What is not to be believed any more: for each id and owner the moment up to which its copies are doubted, wherever they lie
 * and whenever they turn up. Ids and owner tags are random, so four of their digits choose one of 65 536 places: half a
 * megabyte that never grows and never forgets. Who shares a place is read once more from the durable store, and that is all.
 */
export class Doubts {
  readonly #clock: Clock
  /** 0, where nothing was ever doubted, is 1970. */
  readonly #until = new Float64Array(PLACES)
  #all = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Doubts every copy of this id, or of this owner's sessions, that was read up to now. */
  raise(key: string): void {
    const place = placeOf(key)
    this.#until[place] = Math.max(this.#until[place] as number, this.#clock())
  }

  raiseAll(): void {
    this.#all = Math.max(this.#all, this.#clock())
  }

  /** A moment that is not later than the doubt is doubted: within one tick of the clock nobody knows which came first. */
  about(key: string, readAt: number): boolean {
    return readAt <= this.#all || readAt <= (this.#until[placeOf(key)] as number)
  }
}

/** The first four hexadecimal digits, as a number: for each, its low bits, and nine more when it is a letter. */
function placeOf(key: string): number {
  let place = 0
  for (let at = 0; at < 4; at++) {
    const code = key.charCodeAt(at)
    place = (place << 4) | (((code & 15) + (code >> 6) * 9) & 15)
  }
  return place
}
