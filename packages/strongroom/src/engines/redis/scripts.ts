import { createHash } from 'node:crypto'
import { HEAD, PREFACE } from './format.ts'

/** A Lua script. Redis runs it as one step: no other command runs in between. */
export interface Script {
  readonly lua: string
  readonly sha: string
}

/**
 * Positions in a value are those of format.ts, counted from 1. What has expired is decided by the application's clock, which is
 * an argument (`now`); Redis's own expiry is given as a length (`px`). A script declares every key that it uses, and is given an
 * index only where that is on the same server as the session, which is not so in a cluster. The first write of a script is one
 * that needs memory: without any left, Redis rejects that one, and no later one, so that a script is never half done.
 */
const COMMON = `
local function headOf(key) return redis.call('GETRANGE', key, 0, ${HEAD - 1}) end
local function ours(head) return #head >= 26 and string.byte(head) == 1 end
local function deadlineOf(head) return (struct.unpack('>I6', head, 2)) end
local function untilOf(head) return (struct.unpack('>I6', head, 8)) end
local function versionOf(head) return string.sub(head, 14, 19) end
local function ownerOf(head)
  return string.byte(head, 26) % 2 == 1 and string.sub(head, 27, 58) or ''
end
local function live(head, now) return ours(head) and deadlineOf(head) > tonumber(now) end
local function index(key, now, id, till, px)
  redis.call('ZADD', key, 'GT', till, id)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  if redis.call('PTTL', key) < tonumber(px) then redis.call('PEXPIRE', key, px) end
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
 * KEYS session, index?  ARGV now, value, px, id, until, index px  → 1, or 0 when there is a live session.
 *
 * A session with the same version is the one that this very call has written: the client lost its connection before the reply
 * and has sent the command again. An empty value, which only another program can have written, looks like no value.
 */
export const CREATE = script(`
local key, value = KEYS[1], ARGV[2]
local head = headOf(key)
if live(head, ARGV[1]) then
  return versionOf(head) == versionOf(value) and 1 or 0
end
if #head > 0 then redis.call('DEL', key) end
if KEYS[2] then index(KEYS[2], ARGV[1], ARGV[4], ARGV[5], ARGV[6]) end
if not redis.call('SET', key, value, 'NX', 'PX', ARGV[3]) then
  redis.call('DEL', key)
  redis.call('SET', key, value, 'NX', 'PX', ARGV[3])
end
return 1
`)

/**
 * KEYS session, index?  ARGV now, value, px, id, until, index px, version, '1' if the index contains it already, channel
 * → 0 not updated, 1 updated, 2 the session must be added to the index first: it would outlive what the index has of it.
 */
export const UPDATE = script(`
local key, value = KEYS[1], ARGV[2]
local head = headOf(key)
if not live(head, ARGV[1]) then return 0 end
if versionOf(head) ~= ARGV[7] then
  return versionOf(head) == versionOf(value) and 1 or 0
end
if ownerOf(head) ~= ownerOf(value) then return 0 end
if ownerOf(value) ~= '' then
  if deadlineOf(value) <= untilOf(head) then
    value = string.sub(value, 1, 7) .. string.sub(head, 8, 13) .. string.sub(value, 14)
  elseif KEYS[2] then
    index(KEYS[2], ARGV[1], ARGV[4], ARGV[5], ARGV[6])
  elseif ARGV[8] ~= '1' then
    return 2
  end
end
redis.call('SET', key, value, 'XX', 'PX', ARGV[3])
if ARGV[9] ~= '' then redis.call('PUBLISH', ARGV[9], ARGV[4]) end
return 1
`)

/**
 * KEYS session  ARGV now, deadline, px, version or '', the owner whose index contains it or '', and until when
 * → 0 not live or another version, 1 touched, or the head of the session when the index of its owner must be updated first.
 */
export const TOUCH = script(`
local head = headOf(KEYS[1])
if not live(head, ARGV[1]) then return 0 end
if ARGV[4] ~= '' and versionOf(head) ~= ARGV[4] then return 0 end
local owner, till = ownerOf(head), untilOf(head)
if owner ~= '' then
  if owner == ARGV[5] then till = math.max(till, tonumber(ARGV[6])) end
  if tonumber(ARGV[2]) > till then return head end
end
redis.call('SETRANGE', KEYS[1], 1, struct.pack('>I6I6', tonumber(ARGV[2]), till))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`)

/**
 * KEYS session, index?  ARGV now, version or '', id, channel, the owner whose index is given or ''
 * → nil not deleted, 1 deleted and removed from the index, or the head of the deleted session.
 */
export const DELETE = script(`
local head = headOf(KEYS[1])
if not live(head, ARGV[1]) then return false end
if ARGV[2] ~= '' and versionOf(head) ~= ARGV[2] then return false end
redis.call('DEL', KEYS[1])
if ARGV[4] ~= '' then redis.call('PUBLISH', ARGV[4], ARGV[3]) end
if KEYS[2] and ownerOf(head) == ARGV[5] then
  redis.call('ZREM', KEYS[2], ARGV[3])
  return 1
end
return head
`)

/**
 * KEYS sessions, index?  ARGV now, owner, channel, the ids of the sessions
 * → for each nil when it is not live or not of this owner, and otherwise the head of the session, which is deleted.
 */
export const DELETE_OWNED = script(`
local heads, index = {}, KEYS[#ARGV - 2]
for at = 1, #ARGV - 3 do
  local key, id = KEYS[at], ARGV[3 + at]
  local head = headOf(key)
  heads[at] = live(head, ARGV[1]) and ownerOf(head) == ARGV[2] and head
  if heads[at] then
    redis.call('DEL', key)
    if ARGV[3] ~= '' then redis.call('PUBLISH', ARGV[3], id) end
    if index then redis.call('ZREM', index, id) end
  end
end
return heads
`)

/** KEYS sessions  ARGV now, '1' for a dry run  → for each the head of an expired session, which is removed, or nil. */
export const PURGE = script(`
local heads = {}
for at, key in ipairs(KEYS) do
  local head = headOf(key)
  heads[at] = ours(head) and not live(head, ARGV[1]) and head
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

/** KEYS index  ARGV now, id, until, px */
export const INDEX_ADD = script(`
index(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
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
