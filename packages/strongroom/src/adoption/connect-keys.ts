import { type ConnectStore, promised } from '../base/connect.ts'
import { UnsupportedError } from '../errors.ts'
import type { AdoptionSource, KeysOptions } from './source.ts'

/** What session-file-store has instead of `ids`: the names of its files. */
interface FileNames {
  list?(callback: (error: unknown, names?: unknown) => void): unknown
  readonly options?: { readonly fileExtension?: unknown } | undefined
}

type Listed = Pick<ConnectStore, 'ids' | 'all'> & FileNames

const PAGE = 500

/** The ids in a store of express-session, where it has a method that tells them. */
export function keysOf(store: Listed): Pick<AdoptionSource, 'keys'> {
  const list = listOf(store)
  return list === null ? {} : { keys: (options) => inPages(list, options) }
}

async function* inPages(
  list: () => Promise<readonly string[]>,
  { page = PAGE, signal }: KeysOptions = {},
): AsyncGenerator<readonly string[]> {
  const ids = await list()
  for (let at = 0; at < ids.length && signal?.aborted !== true; at += page) yield ids.slice(at, at + page)
}

function listOf(store: Listed): (() => Promise<readonly string[]>) | null {
  if (typeof store.ids === 'function') return async () => strings(await promised(store, 'ids', []))
  if (typeof store.all === 'function') return async () => idsIn(await promised(store, 'all', []))
  if (typeof store.list === 'function') return async () => namesIn(store, await promised(store, 'list', []))
  return null
}

const strings = (given: unknown) => {
  if (Array.isArray(given) && given.every((id) => typeof id === 'string')) return given as readonly string[]
  throw new UnsupportedError(WITHOUT_IDS)
}

/** An object by id, or an array with `id` in each. Some give an array without: their sessions cannot be told. */
const idsIn = (all: unknown) =>
  Array.isArray(all) ? strings(all.map((one) => (one as { readonly id?: unknown } | null)?.id)) : Object.keys(all ?? {})

const WITHOUT_IDS =
  'The store of express-session lists its sessions without their ids, so they cannot be moved in advance. Each is adopted when its visitor comes.'

function namesIn({ options }: Listed, names: unknown): readonly string[] {
  const { fileExtension = '.json' } = options ?? {}
  const extension = String(fileExtension)
  return strings(names).flatMap((name) => (name.endsWith(extension) ? [name.slice(0, -extension.length)] : []))
}
