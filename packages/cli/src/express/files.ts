import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { StoreError } from 'strongroom'
import { type ExpressStorage, recordOf } from './storage.ts'

/** session-file-store: a file for each session. It counts from the last access, which is in the file. */
export function fileStorage(folder: string, extension = '.json', lifetime = 3_600_000): ExpressStorage {
  const pathOf = (sid: string) => join(folder, sid + extension)
  return {
    engine: 'express-session (session-file-store)',
    nothingThere: `No file there ends with ${extension}: compare the folder and ?extension= with the options path and fileExtension.`,
    async *ids({ page, signal }) {
      const names = await reached(readdir(folder))
      const ids = names.flatMap((name) => (name.endsWith(extension) ? [name.slice(0, -extension.length)] : []))
      for (let at = 0; at < ids.length && signal?.aborted !== true; at += page) yield ids.slice(at, at + page)
    },
    async read(sid) {
      const text = await reached(readFile(pathOf(sid), 'utf8')).catch(ifMissing)
      if (text === null) return null
      const record = recordOf(text)
      const endsAt = endOf(record, lifetime)
      return endsAt !== null && endsAt <= Date.now() ? null : { record, endsAt }
    },
    async delete(sid) {
      await reached(rm(pathOf(sid), { force: true }))
    },
    close: async () => undefined,
  }
}

function endOf(record: unknown, lifetime: number): number | null {
  const { cookie, __lastAccess: last } = (record ?? {}) as {
    cookie?: { originalMaxAge?: unknown }
    __lastAccess?: unknown
  }
  const length = cookie?.originalMaxAge
  return typeof last === 'number' ? last + (typeof length === 'number' && length > 0 ? length : lifetime) : null
}

/** The system's error has the path of the file in it, and so the id of a session. */
async function reached<T>(call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw Object.assign(
      new StoreError(`A file of session-file-store could not be reached (${code ?? 'unknown error'}).`),
      {
        errno: code,
      },
    )
  }
}

function ifMissing(error: StoreError & { readonly errno?: unknown }): null {
  if (error.errno === 'ENOENT') return null
  throw error
}
