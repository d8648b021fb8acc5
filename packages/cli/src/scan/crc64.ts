/** The polynomial of Redis (Jones), with its bits reversed, in two halves. */
const [HIGH, LOW] = [0x95ac9329, 0xac4bc9b5]
/** For each byte, the two halves of its checksum: high, low. */
const TABLE = new Uint32Array(512)
for (let byte = 0; byte < 256; byte++) {
  let [high, low] = [0, byte]
  for (let bit = 0; bit < 8; bit++) {
    const isOdd = (low & 1) === 1
    low = ((low >>> 1) | (high << 31)) >>> 0
    high >>>= 1
    if (isOdd) {
      high = (high ^ HIGH) >>> 0
      low = (low ^ LOW) >>> 0
    }
  }
  TABLE[2 * byte] = high
  TABLE[2 * byte + 1] = low
}

/** The checksum that Redis writes at the end of a dump. In halves, because BigInt is too slow for large files. */
export class Crc64 {
  #high = 0
  #low = 0

  update(bytes: Buffer): void {
    let [high, low] = [this.#high, this.#low]
    for (let at = 0; at < bytes.length; at++) {
      const index = ((low ^ (bytes[at] as number)) & 255) * 2
      low = ((low >>> 8) | (high << 24)) ^ (TABLE[index + 1] as number)
      high = (high >>> 8) ^ (TABLE[index] as number)
    }
    this.#high = high
    this.#low = low
  }

  /** Least significant byte first, as in the file. */
  digest(): Buffer {
    const bytes = Buffer.alloc(8)
    bytes.writeUInt32LE(this.#low >>> 0, 0)
    bytes.writeUInt32LE(this.#high >>> 0, 4)
    return bytes
  }
}
