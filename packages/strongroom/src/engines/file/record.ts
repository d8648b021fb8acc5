import { crc32 } from 'node:zlib'
import { randomBytesOf } from '../../base/random.ts'
import type { Entry } from '../../store.ts'

/**
 * A session file, format 1. Numbers are big-endian.
 *
 *     0  magic "SRF" and the format    16  createdAt, double       32  owner, 32 bytes, zeros when it has none
 *     4  CRC-32 of all from 8 on       24  has an owner, a label   64  label, then bytes
 *     8  version, 8 random bytes       26  label length, 16 bits
 *                                      28  bytes length, 32 bits
 *
 * The deadline is not in the file: it is the file's modification time, so that a touch rewrites nothing.
 */
const MAGIC = 0x53524601
const HEAD = 64
const VERSION = 8

export interface FileRecord {
  readonly bytes: Uint8Array
  readonly label: Uint8Array | null
  readonly owner: string | null
  readonly createdAt: number
  /**
   * Sixteen hexadecimal characters, random for every write: an id that is created again never gets a version it had
   * before.
   */
  readonly version: string
}

export function encode({ bytes, label, owner, createdAt }: Entry): { image: Buffer; version: string } {
  const labelLength = label?.length ?? 0
  const image = Buffer.allocUnsafe(HEAD + labelLength + bytes.length)
  image.writeUInt32BE(MAGIC, 0)
  freshVersion(image, 8)
  image.writeDoubleBE(createdAt, 16)
  image.fill(0, 24, HEAD)
  if (owner !== null) image[24] = 1
  if (label !== null) image[25] = 1
  image.writeUInt16BE(labelLength, 26)
  image.writeUInt32BE(bytes.length, 28)
  if (owner !== null) image.write(owner, 32, 32, 'hex')
  if (label) image.set(label, HEAD)
  image.set(bytes, HEAD + labelLength)
  image.writeUInt32BE(crc32(image.subarray(8)), 4)
  return { image, version: versionOf(image) }
}

/**
 * Null for anything but what `encode` wrote, whole and unaltered. The checksum detects damage; it does not stop an
 * attacker.
 */
export function decode(image: Buffer): FileRecord | null {
  if (image.length < HEAD || image.readUInt32BE(0) !== MAGIC) return null
  const start = HEAD + image.readUInt16BE(26)
  if (image.length !== start + image.readUInt32BE(28) || image.readUInt32BE(4) !== crc32(image.subarray(8))) return null
  return {
    bytes: image.subarray(start),
    label: image[25] === 1 ? image.subarray(HEAD, start) : null,
    owner: image[24] === 1 ? image.toString('hex', 32, 64) : null,
    createdAt: image.readDoubleBE(16),
    version: versionOf(image),
  }
}

const versionOf = (image: Buffer) => image.toString('hex', 8, 8 + VERSION)

const freshVersion = randomBytesOf(VERSION)
