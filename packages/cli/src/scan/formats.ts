import { isZstd } from './compression.ts'
import { encodingOf } from './text.ts'

export type Format =
  | { readonly is: 'archive' | 'sqlite' | 'wal' | 'tar' | 'rdb' | 'aof' | 'binlog' | 'text' }
  | { readonly is: 'encoded'; readonly encoding: string }
  /** Known, and not read. `problem` is what the user can do about it. */
  | { readonly is: 'foreign'; readonly name: string | null; readonly problem: string }

/** How files begin that are not dumps that are read here, and what the user can do about them. */
const FOREIGN: readonly (readonly [start: string, name: string | null, problem: string])[] = [
  ['\xfd7zXZ\0', 'xz', 'it is compressed with xz: xz -dc FILE | strongroom scan -'],
  ['BZh', 'bzip2', 'it is compressed with bzip2: bzip2 -dc FILE | strongroom scan -'],
  ['\x04"M\x18', 'lz4', 'it is compressed with lz4: lz4 -dc FILE | strongroom scan -'],
  ['PK\x03\x04', 'zip', 'it is a zip archive: scan the files in it'],
  ['Salted__', null, 'it is encrypted: decrypt it first'],
  ['age-encryption.org', null, 'it is encrypted: decrypt it first'],
  ['-----BEGIN PGP', null, 'it is encrypted: decrypt it first'],
  ['\xfdbin', 'binary log of MySQL', 'it is encrypted: mysqlbinlog --read-from-remote-server can read it'],
  ['<', 'XML', 'it is XML, not a dump that can be read: dump the table without --xml'],
]

const WITHOUT_ZSTD = `it is compressed with zstd, which Node ${process.versions.node} cannot read: use Node 22.15 or later, or zstd -dc FILE | strongroom scan -`

/** What a file is, by how it begins. SQL is a text that begins as SQL, which its reader decides. */
export function formatOf(look: Buffer): Format {
  const start = look.toString('latin1', 0, 64)
  if (start.startsWith('PGDMP')) return { is: 'archive' }
  if (start.startsWith('SQLite format 3\0')) return { is: 'sqlite' }
  if (look.length >= 32 && [0x377f0682, 0x377f0683].includes(look.readUInt32BE(0))) return { is: 'wal' }
  if (/^REDIS\d{4}/.test(start)) return { is: 'rdb' }
  if (/^(?:#TS:\d+\r\n)?\*\d+\r\n\$\d+\r\n/.test(start)) return { is: 'aof' }
  if (start.startsWith('\xfebin')) return { is: 'binlog' }
  if (isTar(look)) return { is: 'tar' }
  // Where this Node reads it, it is decompressed before anybody asks for the format.
  if (isZstd(look)) return { is: 'foreign', name: 'zstd', problem: WITHOUT_ZSTD }
  const foreign = FOREIGN.find(([magic]) => start.trimStart().startsWith(magic))
  if (foreign) return { is: 'foreign', name: foreign[1], problem: foreign[2] }
  const encoding = encodingOf(look)
  if (encoding !== null) return { is: 'encoded', encoding }
  return { is: 'text' }
}

/** A header of 512 bytes with a checksum of itself, in which the checksum counts as spaces. */
function isTar(look: Buffer): boolean {
  if (look.length < 512) return false
  if (look.toString('latin1', 257, 262) === 'ustar') return true
  let sum = 8 * 0x20
  for (let at = 0; at < 512; at++) if (at < 148 || at >= 156) sum += look[at] as number
  const stored = /^[ 0]*([0-7]{1,7})[\0 ]/.exec(look.toString('latin1', 148, 156))?.[1]
  return stored !== undefined && Number.parseInt(stored, 8) === sum
}

/** Bytes that no text has. */
export const isBinary = (look: Buffer) => look.includes(0) || look.filter((byte) => byte < 9).length > look.length / 50
