const prefixes = new Map<string, Buffer>()

/**
 * What goes before everything that belongs to a namespace: its length and the namespace, so that no two pairs of a namespace and
 * what follows read the same. Of options alone, so there are few.
 */
export function namespacePrefix(namespace: string): Buffer {
  const known = prefixes.get(namespace)
  if (known) return known
  const name = Buffer.from(namespace)
  const prefix = Buffer.alloc(4 + name.length)
  prefix.writeUInt32BE(name.length)
  prefix.set(name, 4)
  prefixes.set(namespace, prefix)
  return prefix
}
