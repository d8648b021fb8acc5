import { Crc64 } from './crc64.ts'
import { expand } from './lzf.ts'
import { type ByteReader, UnreadableError } from './reader.ts'
import { kindOfRedis } from './redis.ts'
import { Value } from './row.ts'
import type { Tally } from './tally.ts'

/** What a file of Redis consists of (src/rdb.h of Redis 8). */
const SLOT_INFO = 0xf4
const FUNCTION = 0xf5
const MODULE_AUX = 0xf7
const IDLE = 0xf8
const FREQUENCY = 0xf9
const AUX = 0xfa
const RESIZE = 0xfb
const EXPIRES_MS = 0xfc
const EXPIRES_S = 0xfd
const DATABASE = 0xfe
const END = 0xff

/** How many strings there are for each element of a value, by its type; 0 where the whole value is one string. */
const STRINGS: ReadonlyMap<number, number> = new Map([
  ...[1, 2, 14].map((type) => [type, 1] as const),
  [4, 2],
  ...[9, 10, 11, 12, 13, 16, 17, 20].map((type) => [type, 0] as const),
])
const [STRING, ZSET, ZSET_2, QUICKLIST_2] = [0, 3, 5, 18]
/** Hashes whose fields expire. */
const [HASH_WITH_TIMES, HASH_LIST_WITH_TIMES] = [24, 25]
/** Streams, in the three forms that they have had. */
const [STREAM, STREAM_2, STREAM_3] = [15, 19, 21]

/** A module may be older or newer than we are. */
const unknown = (what: string) => new UnreadableError(`it holds ${what}, which is not read here`)

/**
 * Reads a dump of Redis or Valkey (RDB): every key, and those of its values that are strings, in which sessions are. Its checksum
 * covers everything.
 */
export async function readRdb(reader: ByteReader, tally: Tally): Promise<void> {
  await new RdbReader(reader, tally).read()
}

/**
 * Reads a value as DUMP writes it, and RESTORE reads it: its type, the value, the version of the format, and a checksum. Throws an
 * `UnreadableError` if it is anything else.
 */
export async function readDumped(reader: ByteReader, key: Value, tally: Tally): Promise<void> {
  await new RdbReader(reader, tally, key).dumped()
}

class RdbReader {
  readonly #reader: ByteReader
  readonly #tally: Tally
  readonly #key: Value
  readonly #value = new Value()
  readonly #crc = new Crc64()
  #version = 0

  constructor(reader: ByteReader, tally: Tally, key = new Value()) {
    this.#reader = reader
    this.#tally = tally
    this.#key = key
  }

  async read(): Promise<void> {
    const head = await this.#take(9)
    this.#version = Number(head.toString('latin1', 5))
    if (!/^REDIS\d{4}$/.test(head.toString('latin1')))
      throw new UnreadableError('it begins as a dump of Redis and is damaged')
    for (;;) {
      const code = await this.#byte()
      if (code === END) return this.#checksum()
      if (code < SLOT_INFO) await this.#pair(code)
      else await this.#opcode(code)
    }
  }

  async dumped(): Promise<void> {
    await this.#element(await this.#byte())
    await this.#take(2)
    const sum = this.#crc.digest()
    const stored = await this.#reader.take(8, 'a value')
    if (!stored.equals(sum) || !(await this.#reader.isAtEnd()))
      throw new UnreadableError('it holds a value that is damaged')
  }

  async #checksum(): Promise<void> {
    if (this.#version < 5) return
    const sum = this.#crc.digest()
    const stored = await this.#reader.take(8, 'the dump')
    // Zeros when the server was told not to compute it.
    if (stored.some((byte) => byte !== 0) && !stored.equals(sum))
      throw new UnreadableError('its checksum is wrong: it is damaged')
  }

  async #opcode(code: number): Promise<void> {
    if (code === EXPIRES_MS) await this.#skip(8)
    else if (code === EXPIRES_S) await this.#skip(4)
    else if (code === FREQUENCY) await this.#skip(1)
    else if (code === IDLE || code === DATABASE) await this.#length()
    else if (code === RESIZE) await this.#lengths(2)
    else if (code === SLOT_INFO) await this.#lengths(3)
    else if (code === FUNCTION) await this.#string(this.#value)
    else if (code === AUX) {
      await this.#string(this.#key)
      await this.#string(this.#value)
    } else if (code === MODULE_AUX) throw unknown('data of a module')
    else throw unknown('a kind of entry')
  }

  async #pair(type: number): Promise<void> {
    await this.#string(this.#key)
    await this.#element(type)
  }

  /** A value of this type. */
  async #element(type: number): Promise<void> {
    const strings = STRINGS.get(type)
    if (type === STRING || strings === 0) {
      await this.#string(this.#value)
      if (type === STRING) this.#count()
    } else if (strings !== undefined) await this.#strings(strings)
    else if (type === ZSET || type === ZSET_2) await this.#scores(type)
    else if (type === QUICKLIST_2)
      for (let left = await this.#length(); left > 0; left--) {
        await this.#length()
        await this.#string(this.#value)
      }
    else if (type === HASH_WITH_TIMES) await this.#hash()
    else if (type === HASH_LIST_WITH_TIMES) {
      await this.#skip(8)
      await this.#string(this.#value)
    } else if (type === STREAM || type === STREAM_2 || type === STREAM_3) await this.#stream(type)
    else throw unknown('a value of a newer type, or of a module')
  }

  #count(): void {
    const kind = kindOfRedis(this.#key, this.#value)
    if (kind !== null) this.#tally.add(kind, 1, null)
  }

  async #strings(each: number): Promise<void> {
    for (let left = each * (await this.#length()); left > 0; left--) await this.#string(this.#value)
  }

  async #scores(type: number): Promise<void> {
    for (let left = await this.#length(); left > 0; left--) {
      await this.#string(this.#value)
      if (type === ZSET_2) await this.#skip(8)
      else {
        const length = await this.#byte()
        if (length < 253) await this.#skip(length)
      }
    }
  }

  async #hash(): Promise<void> {
    await this.#skip(8)
    for (let left = await this.#length(); left > 0; left--) {
      await this.#length()
      await this.#string(this.#key)
      await this.#string(this.#value)
    }
  }

  /** Its entries, its last id, and for each group what its consumers have not acknowledged. */
  async #stream(type: number): Promise<void> {
    await this.#strings(2)
    await this.#lengths(type === STREAM ? 3 : 8)
    for (let groups = await this.#length(); groups > 0; groups--) {
      await this.#string(this.#value)
      await this.#lengths(type === STREAM ? 2 : 3)
      for (let pending = await this.#length(); pending > 0; pending--) {
        await this.#skip(24)
        await this.#length()
      }
      for (let consumers = await this.#length(); consumers > 0; consumers--) {
        await this.#string(this.#value)
        await this.#skip(type === STREAM_3 ? 16 : 8)
        await this.#skip(16 * (await this.#length()))
      }
    }
  }

  async #lengths(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.#length()
  }

  async #length(): Promise<number> {
    const { length, isEncoded } = await this.#lengthOrEncoding()
    if (isEncoded) throw new UnreadableError('it begins as a dump of Redis and is damaged')
    return length
  }

  /** The first two bits are how the length is written; 3 is a number or compressed text instead. */
  async #lengthOrEncoding(): Promise<{ length: number; isEncoded: boolean }> {
    const first = await this.#byte()
    const form = first >> 6
    if (form === 0 || form === 3) return { length: first & 63, isEncoded: form === 3 }
    if (form === 1) return { length: ((first & 63) << 8) | (await this.#byte()), isEncoded: false }
    const bytes = await this.#take(first === 0x81 ? 8 : 4)
    const length = first === 0x81 ? Number(bytes.readBigUInt64BE()) : bytes.readUInt32BE()
    return { length, isEncoded: false }
  }

  async #string(into: Value): Promise<void> {
    into.clear()
    const { length, isEncoded } = await this.#lengthOrEncoding()
    if (!isEncoded) {
      for await (const part of this.#chunks(length)) into.append(part, 0, part.length)
      return
    }
    if (length === 3) {
      const compressed = await this.#length()
      await this.#length()
      return expand(this.#chunks(compressed), into)
    }
    if (length > 3) throw new UnreadableError('it begins as a dump of Redis and is damaged')
    // A number of 1, 2 or 4 bytes.
    const bytes = await this.#take(1 << length)
    const digits = Buffer.from(String(bytes.readIntLE(0, bytes.length)))
    into.append(digits, 0, digits.length)
  }

  async #byte(): Promise<number> {
    return (await this.#take(1))[0] as number
  }

  async #take(size: number): Promise<Buffer> {
    const bytes = await this.#reader.take(size, 'the dump')
    this.#crc.update(bytes)
    return bytes
  }

  async *#chunks(size: number): AsyncGenerator<Buffer> {
    for await (const chunk of this.#reader.chunks(size, 'a value')) {
      this.#crc.update(chunk)
      yield chunk
    }
  }

  async #skip(size: number): Promise<void> {
    for await (const _ of this.#chunks(size));
  }
}
