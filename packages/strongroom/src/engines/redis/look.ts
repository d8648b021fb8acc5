import type { Id } from '../../crypto/token.ts'
import type { Listing } from '../../store.ts'
import type { Keys } from './keys.ts'
import type { Link } from './link.ts'
import { decodePreface } from './record.ts'
import { LOOK } from './scripts.ts'

/** What a list tells of a session, live or not; its bytes stay where they are. */
export async function look(link: Link, keys: Keys, id: Id): Promise<Listing | null> {
  const [start, length] = (await link.run(LOOK, [keys.session(id)], [])) as [Buffer, number]
  const preface = decodePreface(start)
  if (!preface) return null
  const { expiresAt, createdAt, owner, label } = preface
  return { id, expiresAt, createdAt, owner, label, size: length - preface.start }
}
