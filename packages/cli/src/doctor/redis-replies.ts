/** Sends a command to one server. */
export type RedisNode = (...words: readonly string[]) => Promise<unknown>

/** Names and values, which are a flat list in RESP2, and a map or an object in RESP3. */
export function pairs(reply: unknown): ReadonlyMap<string, unknown> {
  if (reply instanceof Map) return new Map([...reply].map(([name, value]) => [String(name), value]))
  if (Array.isArray(reply))
    return new Map(reply.flatMap((name, at) => (at % 2 === 0 ? [[String(name), reply[at + 1]]] : [])))
  return typeof reply === 'object' && reply !== null ? new Map(Object.entries(reply)) : new Map()
}

/** Of an ACL: a list, or a set in RESP3. */
export function words(value: unknown): readonly string[] {
  if (value instanceof Set || Array.isArray(value)) return [...value].map(String)
  return value === undefined || value === null ? [] : String(value).split(' ')
}
