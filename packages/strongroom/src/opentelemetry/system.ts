import { type Attributes, SpanKind } from '@opentelemetry/api'
import { backendOf } from '../engines/shared/backend.ts'
import type { Store } from '../store.ts'
import { DB_COLLECTION, DB_SYSTEM } from './names.ts'

/** What the conventions call what our engines are named after. */
const KNOWN: Readonly<Record<string, string>> = {
  postgres: 'postgresql',
  mysql: 'mysql',
  redis: 'redis',
  memcached: 'memcached',
  sqlite: 'sqlite',
}

/** No database systems, so that the conventions have no name for them. */
const OURS = /^(?:memory|file|cached|moving)\b/

/** Their calls do not leave the process. */
const INSIDE: ReadonlySet<string> = new Set(['sqlite', 'strongroom.memory', 'strongroom.file'])

/** What store calls go to. */
export interface System {
  readonly kind: SpanKind
  readonly table: string | null
  readonly attributes: Attributes
}

export function systemOf(store: Store | null, given: string | undefined): System {
  const backend = store && backendOf(store)
  const table = backend && 'table' in backend ? backend.table : null
  const name = given ?? systemNameOf(store?.traits.engine ?? '')
  return {
    kind: INSIDE.has(name) ? SpanKind.INTERNAL : SpanKind.CLIENT,
    table,
    attributes: { [DB_SYSTEM]: name, ...(table !== null && { [DB_COLLECTION]: table }) },
  }
}

function systemNameOf(engine: string): string {
  // Of @strongroom/django.
  const name = /^django \((\w+)\)$/.exec(engine)?.[1] ?? engine
  const ours = OURS.exec(name)
  if (ours) return `strongroom.${ours[0]}`
  return KNOWN[name] ?? name
}
