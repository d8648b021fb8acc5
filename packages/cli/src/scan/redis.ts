import { isCacheKey, isDjangoData, isSignedCookie } from './django.ts'
import { type Kind, OWN_ENTRY, sealIn } from './kind.ts'
import type { Value } from './row.ts'

/** A session's key, after any prefix. */
const OURS = /(?:^|[^0-9a-f])[0-9a-f]{64}$/
/** Format 1 of our value: where its flags are, and how much precedes the record (packages/strongroom/src/engines/redis/format.ts). */
const [FORMAT, FLAGS, FIXED, OWNER] = [1, 25, 26, 32]
const [HAS_OWNER, HAS_LABEL] = [1, 2]
/** A key of django-redis-sessions, with or without its prefix. */
const DJANGO = /(?:^|:)[a-z0-9]{8,40}$/

/** What a key of Redis and its value are; null when they are no session. */
export function kindOfRedis(key: Value, value: Value): Kind | null {
  if (isCacheKey(key) || isSignedCookie(value)) return 'django'
  const name = key.tail.toString('latin1')
  if (DJANGO.test(name) && isDjangoData(value)) return 'django'
  return OURS.test(name) && value.head[0] === FORMAT && value.length >= FIXED ? kindOfEntry(value) : null
}

function kindOfEntry({ head, length }: Value): Kind | null {
  const flags = head[FLAGS] as number
  let at = FIXED + (flags & HAS_OWNER ? OWNER : 0)
  if (flags & HAS_LABEL) at += 2 + (head.length >= at + 2 ? head.readUInt16BE(at) : 0)
  const record = { bytes: head.subarray(at), length: length - at }
  const kind = sealIn(record)
  if (kind !== null) return kind
  // A tombstone, or what the library keeps beside sessions.
  return record.length <= 0 || OWN_ENTRY.test(record.bytes.toString('latin1')) ? null : 'unknown'
}
