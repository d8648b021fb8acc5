import { createHash } from 'node:crypto'

interface Known {
  readonly prefix: Buffer
  readonly tag: Buffer
}

/** Of options alone, so there are few; and a request must not hash what never changes. */
const known = new Map<string, Known>()

/**
 * What goes before everything that belongs to a namespace: its length and the namespace, so that no two pairs of a namespace and
 * what follows read the same.
 */
export const namespacePrefix = (namespace: string): Buffer => of(namespace).prefix

/**
 * The 4 bytes with which the ids of a namespace end. Of two namespaces they are the same once in four billion times; then their
 * operators see and end each other's sessions, and nobody opens one.
 */
export const namespaceTag = (namespace: string): Buffer => of(namespace).tag

function of(namespace: string): Known {
  return known.get(namespace) ?? learn(namespace)
}

function learn(namespace: string): Known {
  const name = Buffer.from(namespace)
  const prefix = Buffer.alloc(4 + name.length)
  prefix.writeUInt32BE(name.length)
  prefix.set(name, 4)
  const tag = createHash('sha256').update('strongroom namespace ').update(prefix).digest().subarray(0, 4)
  const learned = { prefix, tag }
  known.set(namespace, learned)
  return learned
}
