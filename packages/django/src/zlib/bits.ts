/** Bits are packed from the low end of each byte (RFC 1951 §3.1.1). */
export class BitWriter {
  #bytes: Uint8Array
  #at = 0
  #held = 0
  #count = 0

  constructor(room: number) {
    this.#bytes = new Uint8Array(room)
  }

  bits(value: number, count: number): void {
    this.#held |= value << this.#count
    this.#count += count
    while (this.#count >= 8) {
      this.byte(this.#held & 0xff)
      this.#held >>>= 8
      this.#count -= 8
    }
  }

  /** Up to the end of the byte that was begun. */
  align(): void {
    if (this.#count > 0) this.byte(this.#held & 0xff)
    this.#held = this.#count = 0
  }

  byte(value: number): void {
    if (this.#at === this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#at + 64)
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    this.#bytes[this.#at++] = value
  }

  done(): Uint8Array {
    this.align()
    return this.#bytes.subarray(0, this.#at)
  }
}
