/** A stretch of bytes and what it is for. */
export interface Part {
  /**
   * `yours` only the visitor has; `ours` the server makes or checks with its key; `sealed` is ciphertext; `plain` can be read
   * by anyone; `open` says nothing about the visitor.
   */
  readonly kind: 'yours' | 'ours' | 'sealed' | 'plain' | 'open'
  readonly length: number
  readonly name: string
  readonly meaning: string
}

const HEAD: Part = { kind: 'open', length: 2, name: 'format', meaning: 'version, and which of the server’s keys' }

/** The cookie of a session that rests in a store. */
export const tokenParts: readonly Part[] = [
  HEAD,
  { kind: 'yours', length: 32, name: 'token', meaning: 'random: your key, kept nowhere else' },
  { kind: 'ours', length: 14, name: 'tag', meaning: 'turns made-up cookies away unasked' },
]

/** A record, or a sealed cookie: of `size` bytes in all. */
export const sealedParts = (size: number): readonly Part[] => [
  HEAD,
  { kind: 'open', length: 24, name: 'salt', meaning: 'random, new at every write' },
  { kind: 'ours', length: 16, name: 'commitment', meaning: 'these bytes open under one key only' },
  { kind: 'sealed', length: size - 58, name: 'your session', meaning: 'encrypted with AES-256-GCM' },
  { kind: 'ours', length: 16, name: 'tag', meaning: 'nobody alters a bit unnoticed' },
]

export const signedParts = (size: number): readonly Part[] => [
  HEAD,
  { kind: 'plain', length: size - 34, name: 'your session', meaning: 'readable by whoever has the cookie' },
  { kind: 'ours', length: 32, name: 'signature', meaning: 'nobody alters a bit unnoticed' },
]

export const plainParts = (size: number): readonly Part[] => [
  { kind: 'plain', length: size, name: 'your session', meaning: 'plain JSON, as it is' },
]
