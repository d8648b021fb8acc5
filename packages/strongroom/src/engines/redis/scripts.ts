import { createHash } from 'node:crypto'
import { HEAD, PREFACE } from './format.ts'

/** A Lua script. Redis runs it as one step: no other command runs in between. */
export interface Script {
  readonly lua: string
  readonly sha: string
}

/** Redis keeps a key for this long past its deadline, because the clocks of two applications may be minutes apart. */
export const GRACE = 300_000

/**
 * Positions in a value are those of format.ts, and positions in packed arguments those of arguments.ts, counted from 1. What has
 * expired is decided by the application's clock, which is in an argument (`now`); Redis's own expiry is a length, counted from then.
 * A script declares every key that it uses, and is given an index only where that is on the same server as the session, which is not
 * so in a cluster. The first write of a script is one that needs memory: without any left, Redis rejects that one, and no later one,
 * so that a script is never half done. Lua copies and hashes each string as a whole: of those that are as long as a value, a script
 * makes as few as it can.
 */
const COMMON = `
local function momentAt(packed, at) return (struct.unpack('>I6', packed, at)) end
local function headOf(key) return redis.call('GETRANGE', key, 0, ${HEAD - 1}) end
local function ours(head) return #head >= 26 and string.byte(head) == 1 end
local function deadlineOf(head) return momentAt(head, 2) end
local function untilOf(head) return momentAt(head, 8) end
local function versionOf(head) return string.sub(head, 14, 19) end
local function ownerOf(head)
  return string.byte(head, 26) % 2 == 1 and string.sub(head, 27, 58) or ''
end
local function live(head, now) return ours(head) and deadlineOf(head) > now end
local function idIn(key) return string.sub(key, -64) end
local function keptFor(deadline, now) return math.max(deadline - now, 0) + ${GRACE} end
local function index(key, now, id, till)
  redis.call('ZADD', key, 'GT', till, id)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  local px = keptFor(till, now)
  if redis.call('PTTL', key) < px then redis.call('PEXPIRE', key, px) end
end
local function publish(channel, id)
  if channel and channel ~= '' then redis.call('PUBLISH', channel, id) end
end
`

/** Includes only the functions that a script calls, because Redis creates them again at every run. */
function script(body: string): Script {
  const parts = COMMON.split(/(?=^local function )/m).filter((part) => part.startsWith('local'))
  const nameOf = (part: string) => /^local function (\w+)/.exec(part)?.[1] ?? ''
  const used = new Set<string>()
  const need = (text: string): void => {
    for (const part of parts) {
      const name = nameOf(part)
      if (used.has(name) || !new RegExp(`\\b${name}\\(`).test(text)) continue
      used.add(name)
      need(part)
    }
  }
  need(body)
  const lua = parts.filter((part) => used.has(nameOf(part))).join('') + body.trim()
  return { lua, sha: createHash('sha1').update(lua).digest('hex') }
}

/**
 * KEYS session, index?  ARGV packed with `packCreate`  → 1, or 0 when there is a live session.
 *
 * A session with the same version is the one that this very call has written: the client lost its connection before the reply
 * and has sent the command again. An empty value, which only another program can have written, looks like no value.
 */
export const CREATE = script(`
local key, now, value = KEYS[1], momentAt(ARGV[1], 1), string.sub(ARGV[1], 7)
local head = headOf(key)
if live(head, now) then
  return versionOf(head) == versionOf(value) and 1 or 0
end
if #head > 0 then redis.call('DEL', key) end
if KEYS[2] then index(KEYS[2], now, idIn(key), untilOf(value)) end
local px = keptFor(deadlineOf(value), now)
if not redis.call('SET', key, value, 'NX', 'PX', px) then
  redis.call('DEL', key)
  redis.call('SET', key, value, 'NX', 'PX', px)
end
return 1
`)

/**
 * KEYS session, index?  ARGV packed with `packUpdate`, channel or '' or none, '1' if the index contains it already
 * → 0 not updated, 1 updated, 2 the session must be added to the index first: it would outlive what the index has of it.
 */
export const UPDATE = script(`
local key, packed, now = KEYS[1], ARGV[1], momentAt(ARGV[1], 1)
local head, new = headOf(key), string.sub(packed, 13, ${12 + HEAD})
if not live(head, now) then return 0 end
if versionOf(head) ~= string.sub(packed, 7, 12) then
  return versionOf(head) == versionOf(new) and 1 or 0
end
local owner, deadline, value = ownerOf(new), deadlineOf(new), nil
if ownerOf(head) ~= owner then return 0 end
if owner ~= '' then
  if deadline <= untilOf(head) then
    value = string.sub(new, 1, 7) .. string.sub(head, 8, 13) .. string.sub(packed, 26)
  elseif KEYS[2] then
    index(KEYS[2], now, idIn(key), untilOf(new))
  elseif ARGV[3] ~= '1' then
    return 2
  end
end
value = value or string.sub(packed, 13)
redis.call('SET', key, value, 'XX', 'PX', keptFor(deadline, now))
publish(ARGV[2], idIn(key))
return 1
`)

/**
 * KEYS session  ARGV packed with `packTouch`, with `packOwner` (until, owner) if its index contains it
 * → 0 not live or another version, 1 touched, or the head of the session when the index of its owner must be updated first.
 */
export const TOUCH = script(`
local now, deadline, expected = momentAt(ARGV[1], 1), momentAt(ARGV[1], 7), string.sub(ARGV[1], 13)
local head = headOf(KEYS[1])
if not live(head, now) then return 0 end
if expected ~= '' and versionOf(head) ~= expected then return 0 end
local owner, till = ownerOf(head), untilOf(head)
if owner ~= '' then
  local indexed = ARGV[2]
  if indexed and string.sub(indexed, 7) == owner then till = math.max(till, momentAt(indexed, 1)) end
  if deadline > till then return head end
end
redis.call('SETRANGE', KEYS[1], 1, struct.pack('>I6I6', deadline, till))
redis.call('PEXPIRE', KEYS[1], keptFor(deadline, now))
return 1
`)

/**
 * KEYS session, index?  ARGV packed with `packDelete`, channel or ''
 * → nil not deleted, 1 deleted and removed from the index, or the head of the deleted session.
 */
export const DELETE = script(`
local key, now, onlyVersion = KEYS[1], momentAt(ARGV[1], 1), string.byte(ARGV[1], 7) == 1
local version, owner = string.sub(ARGV[1], 8, 13), string.sub(ARGV[1], 14, 45)
local head = headOf(key)
if not live(head, now) then return false end
if onlyVersion and versionOf(head) ~= version then return false end
redis.call('DEL', key)
publish(ARGV[2], idIn(key))
if KEYS[2] and ownerOf(head) == owner then
  redis.call('ZREM', KEYS[2], idIn(key))
  return 1
end
return head
`)

/**
 * KEYS sessions, index?  ARGV packed with `packOwner` (now, owner), channel or '', how many indexes are given
 * → for each nil when it is not live or not of this owner, and otherwise the head of the session, which is deleted.
 */
export const DELETE_OWNED = script(`
local now, owner = momentAt(ARGV[1], 1), string.sub(ARGV[1], 7)
local heads, sessions = {}, #KEYS - tonumber(ARGV[3])
local index = KEYS[sessions + 1]
for at = 1, sessions do
  local key = KEYS[at]
  local head = headOf(key)
  heads[at] = live(head, now) and ownerOf(head) == owner and head
  if heads[at] then
    redis.call('DEL', key)
    publish(ARGV[2], idIn(key))
    if index then redis.call('ZREM', index, idIn(key)) end
  end
end
return heads
`)

/** KEYS sessions  ARGV now, '1' for a dry run  → for each the head of an expired session, which is removed, or nil. */
export const PURGE = script(`
local heads = {}
for at, key in ipairs(KEYS) do
  local head = headOf(key)
  heads[at] = ours(head) and not live(head, tonumber(ARGV[1])) and head
  if heads[at] and ARGV[2] ~= '1' then redis.call('DEL', key) end
end
return heads
`)

/** KEYS sessions  → for each everything before its bytes, and the length of the whole value. */
export const DESCRIBE = script(`
local found = {}
for at, key in ipairs(KEYS) do
  found[at] = { redis.call('GETRANGE', key, 0, ${PREFACE - 1}), redis.call('STRLEN', key) }
end
return found
`)

/** KEYS index  ARGV now, id, until */
export const INDEX_ADD = script(`
index(KEYS[1], tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]))
return 1
`)

/**
 * KEYS indexes  ARGV for each an id and its `until`. With another `until`, it is not the session that ended: one with the same id
 * has been added since.
 */
export const INDEX_REMOVE = script(`
for at, key in ipairs(KEYS) do
  local id, till = ARGV[2 * at - 1], ARGV[2 * at]
  local score = redis.call('ZSCORE', key, id)
  if score and tonumber(score) == tonumber(till) then redis.call('ZREM', key, id) end
end
return 1
`)

/** KEYS index  ARGV the least score, at most  → ids of sessions that may be live, each followed by its score, in that order. */
export const INDEX_MEMBERS = script(`
return redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
`)

/**
 * KEYS indexes  ARGV now, at most, '1' for a dry run
 * → how many of their ids have expired, and are removed; and of how many indexes, from the first on, none is left.
 */
export const INDEX_TRIM = script(`
local removed, most = 0, tonumber(ARGV[2])
for at, key in ipairs(KEYS) do
  if ARGV[3] == '1' then
    removed = removed + redis.call('ZCOUNT', key, '-inf', ARGV[1])
  else
    local stale = redis.call('ZRANGEBYSCORE', key, '-inf', ARGV[1], 'LIMIT', 0, most - removed)
    for _, id in ipairs(stale) do redis.call('ZREM', key, id) end
    removed = removed + #stale
    if removed == most then return { removed, at - 1 } end
  end
end
return { removed, #KEYS }
`)

/** KEYS lease  ARGV holder, px  → 1 when it was free, 0 when somebody else holds it. */
export const LOCK = script(`
local key, holder = KEYS[1], ARGV[1]
return redis.call('SET', key, holder, 'NX', 'PX', ARGV[2]) and 1 or 0
`)

/** KEYS lease  ARGV holder, px */
export const RENEW_LOCK = script(`
return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('PEXPIRE', KEYS[1], ARGV[2]) or 0
`)

/** KEYS lease  ARGV holder */
export const UNLOCK = script(`
return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0
`)
