import type { Id } from '../../crypto/token.ts'
import type { Entry } from '../../store.ts'

/** An id or an owner tag: 64 hexadecimal characters. Not in capitals: an id that is spelt differently is another id. */
export function isHexId(text: string): text is Id {
  return /^[0-9a-f]{64}$/.test(text)
}

/** With bytes of its own: what it is for may have to wait, and the caller may reuse its buffers by then. */
export function copyOf(entry: Entry): Entry & { readonly bytes: Buffer; readonly label: Buffer | null } {
  return { ...entry, bytes: Buffer.from(entry.bytes), label: entry.label && Buffer.from(entry.label) }
}
