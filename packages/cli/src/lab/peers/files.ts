import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { copyOf, filesIn, newFolder, removeFolder } from '../folder.ts'
import type { Backend } from '../running.ts'
import type { Rows } from '../site.ts'

export async function folderBackend(settings: Readonly<Record<string, string>>): Promise<Backend> {
  const folder = newFolder('peer')
  return {
    settings: { ...settings, url: folder },
    storage: {
      server: null,
      files: async () => filesIn(folder),
      backup: async () => copyOf(folder),
      rows: rowsIn(folder),
      cache: null,
    },
    version: null,
    stop: async () => removeFolder(folder),
  }
}

/** One file for each session. */
export function rowsIn(folder: string): Rows {
  return {
    list: async () => filesIn(folder).map(({ name, bytes }) => ({ key: name, value: bytes, data: bytes })),
    put: async ({ key, value, data }) => writeFileSync(join(folder, key), data ?? value),
    delete: async (key) => rmSync(join(folder, key), { force: true }),
  }
}
