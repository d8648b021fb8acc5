import { mkdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import { copyOf, filesIn, newFolder, removeFolder } from '../folder.ts'
import type { Backend } from '../running.ts'
import type { Rows, StoredRow } from '../site.ts'

export async function fileBackend(): Promise<Backend> {
  const folder = newFolder('file')
  const dir = join(folder, 'sessions')
  return {
    settings: { store: `file:${dir}` },
    storage: {
      server: null,
      files: async () => filesIn(dir),
      backup: async () => copyOf(dir),
      rows: fileRows(dir),
      cache: null,
    },
    version: null,
    stop: async () => removeFolder(folder),
  }
}

/** Where the length of the label stands in a record, and where the label begins: see record.ts of the engine. */
const [LABEL_LENGTH, LABEL] = [26, 64]

/** A row is a file and its modification time, which is the deadline. Its key is the file's path. */
function fileRows(dir: string): Rows {
  return {
    list: async () =>
      filesIn(dir)
        .filter(({ name }) => name.startsWith('sessions/'))
        .map(({ name, bytes }) => rowOf(name, bytes, statSync(join(dir, name)).mtimeMs)),
    async put(row) {
      const path = join(dir, row.key)
      const [value, deadline] = partsOf(row)
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      writeFileSync(path, value, { mode: 0o600 })
      utimesSync(path, deadline / 1000, deadline / 1000)
    },
    delete: async (key) => rmSync(join(dir, key), { force: true }),
  }
}

function rowOf(key: string, image: Uint8Array, deadline: number): StoredRow {
  const time = Buffer.alloc(8)
  time.writeDoubleBE(deadline)
  const value = Buffer.concat([time, image])
  if (image.length < LABEL) return { key, value }
  return { key, value, data: value.subarray(8 + startOf(image)) }
}

const startOf = (image: Uint8Array) => LABEL + Buffer.from(image).readUInt16BE(LABEL_LENGTH)

/** With a checksum that is right: it is there against damage, and an attacker knows how to compute it. */
function partsOf({ value, data }: StoredRow): readonly [image: Buffer, deadline: number] {
  const deadline = Buffer.from(value).readDoubleBE(0)
  const old = Buffer.from(value.subarray(8))
  if (!data) return [old, deadline]
  const image = Buffer.concat([old.subarray(0, startOf(old)), data])
  image.writeUInt32BE(data.length, 28)
  image.writeUInt32BE(crc32(image.subarray(8)), 4)
  return [image, deadline]
}
