import { createHash } from 'node:crypto'
import { HEAD, PREFACE } from './record.ts'

/** A script that runs inside Redis, where nothing comes between its commands. */
export interface Script {
  readonly lua: string
  readonly sha: string
}

/**
 * Positions in a value are as in record.ts, but counted from 1. The moment that decides is the application's, which comes as
 * an argument; what expires by the server's clock is told how long from now. Keys that a script touches are declared, and
 * an index is declared only where it is sure to be on the same server as the session: not in a cluster. The first write of a
 * script is one that needs memory: Redis refuses that when it has none left, but nothing after it.
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

/** Only the functions that a script calls: Redis makes them anew at every run. */
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
 * KEYS session, index?  ARGV now, value, px, id, until, index px  → 1, or 0 when a live one is there. One with this very
 * version is ours: the client has sent the command again, because its connection was lost before the answer came. An empty
 * value, which somebody else must have put there, looks like none.
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
 * KEYS session, index?  ARGV now, value, px, id, until, index px, version, '1' if the index has been told, channel
 * → 0 refused, 1 done, 2 the index must be told first, or done and the head of what was there, which had another owner.
 */
export const UPDATE = script(`
local key, value = KEYS[1], ARGV[2]
local head = headOf(key)
if not live(head, ARGV[1]) then return 0 end
if versionOf(head) ~= ARGV[7] then
  return versionOf(head) == versionOf(value) and 1 or 0
end
local before, after = ownerOf(head), ownerOf(value)
if after ~= '' then
  if before == after and deadlineOf(value) <= untilOf(head) then
    value = string.sub(value, 1, 7) .. string.sub(head, 8, 13) .. string.sub(value, 14)
  elseif KEYS[2] then
    index(KEYS[2], ARGV[1], ARGV[4], ARGV[5], ARGV[6])
  elseif ARGV[8] ~= '1' then
    return 2
  end
end
redis.call('SET', key, value, 'XX', 'PX', ARGV[3])
if ARGV[9] ~= '' then redis.call('PUBLISH', ARGV[9], ARGV[4]) end
if before ~= '' and before ~= after then return head end
return 1
`)

/**
 * KEYS session  ARGV now, deadline, px, the owner whose index has been told or '', and until when
 * → 0 gone, 1 done, or the head of what is there when its owner's index must be told first.
 */
export const TOUCH = script(`
local head = headOf(KEYS[1])
if not live(head, ARGV[1]) then return 0 end
local owner, till = ownerOf(head), untilOf(head)
if owner ~= '' then
  if owner == ARGV[4] then till = math.max(till, tonumber(ARGV[5])) end
  if tonumber(ARGV[2]) > till then return head end
end
redis.call('SETRANGE', KEYS[1], 1, struct.pack('>I6I6', tonumber(ARGV[2]), till))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
`)

/**
 * KEYS session, index?  ARGV now, version or '', owner or '', id, channel, the owner whose index that is or ''
 * → nil refused, 1 done and told the index, or the head of what was ended.
 */
export const DELETE = script(`
local head = headOf(KEYS[1])
if not live(head, ARGV[1]) then return false end
if ARGV[2] ~= '' and versionOf(head) ~= ARGV[2] then return false end
if ARGV[3] ~= '' and ownerOf(head) ~= ARGV[3] then return false end
redis.call('DEL', KEYS[1])
if ARGV[5] ~= '' then redis.call('PUBLISH', ARGV[5], ARGV[4]) end
if KEYS[2] and ownerOf(head) == ARGV[6] then
  redis.call('ZREM', KEYS[2], ARGV[4])
  return 1
end
return head
`)

/** KEYS session  ARGV now, '1' to look only  → the head of an expired one, which is removed, or nil. */
export const PURGE = script(`
local head = headOf(KEYS[1])
if not ours(head) or live(head, ARGV[1]) then return false end
if ARGV[2] ~= '1' then redis.call('DEL', KEYS[1]) end
return head
`)

/** KEYS session  → what stands before its bytes, and the length of the whole. */
export const LOOK = script(`
return { redis.call('GETRANGE', KEYS[1], 0, ${PREFACE - 1}), redis.call('STRLEN', KEYS[1]) }
`)

/** KEYS index  ARGV now, id, until, px */
export const INDEX = script(`
index(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
return 1
`)

/** KEYS index  ARGV id, until. With another moment it is no longer the one that was ended: somebody has added it anew. */
export const UNINDEX = script(`
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if score and tonumber(score) == tonumber(ARGV[2]) then return redis.call('ZREM', KEYS[1], ARGV[1]) end
return 0
`)

/** KEYS index  ARGV now  → the ids that may be live. */
export const MEMBERS = script(`
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf')
`)

/** KEYS index  ARGV now, at most, '1' to look only  → how many of its ids had expired. */
export const TRIM = script(`
if ARGV[3] == '1' then return redis.call('ZCOUNT', KEYS[1], '-inf', ARGV[1]) end
local stale = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, id in ipairs(stale) do redis.call('ZREM', KEYS[1], id) end
return #stale
`)

/** KEYS lease  ARGV holder, px  → 1 when it was free. */
export const TAKE = script(`
local key, holder = KEYS[1], ARGV[1]
return redis.call('SET', key, holder, 'NX', 'PX', ARGV[2]) and 1 or 0
`)

/** KEYS lease  ARGV holder, px */
export const RENEW = script(`
return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('PEXPIRE', KEYS[1], ARGV[2]) or 0
`)

/** KEYS lease  ARGV holder */
export const RELEASE = script(`
return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0
`)
