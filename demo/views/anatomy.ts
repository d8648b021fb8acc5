/** A range of bytes and its purpose. */
export interface Part {
  /**
   * `yours`: only the visitor has it. `ours`: the server makes or checks it with its key. `sealed`: ciphertext. `plain`: anyone
   * can read it. `open`: it says nothing about the visitor.
   */
  readonly kind: 'yours' | 'ours' | 'sealed' | 'plain' | 'open'
  readonly length: number
  readonly name: string
  readonly meaning: string
}

const HEAD: Part = { kind: 'open', length: 2, name: 'format', meaning: 'version, and which of the server’s keys' }

/** The cookie of a session in a store. */
export const tokenParts: readonly Part[] = [
  HEAD,
  { kind: 'yours', length: 32, name: 'token', meaning: 'random: your key, stored nowhere else' },
  { kind: 'ours', length: 14, name: 'tag', meaning: 'reveals invented cookies' },
]

/** A record or a sealed cookie of `size` bytes. */
export const sealedParts = (size: number): readonly Part[] => [
  HEAD,
  { kind: 'open', length: 24, name: 'salt', meaning: 'random, new at every write' },
  { kind: 'ours', length: 16, name: 'commitment', meaning: 'these bytes open under one key only' },
  { kind: 'sealed', length: size - 58, name: 'your session', meaning: 'encrypted: unreadable without its key' },
  { kind: 'ours', length: 16, name: 'tag', meaning: 'no bit can be altered unnoticed' },
]

export const signedParts = (size: number): readonly Part[] => [
  HEAD,
  { kind: 'plain', length: size - 34, name: 'your session', meaning: 'readable by anyone who has the cookie' },
  { kind: 'ours', length: 32, name: 'signature', meaning: 'no bit can be altered unnoticed' },
]

export const plainParts = (size: number): readonly Part[] => [
  { kind: 'plain', length: size, name: 'your session', meaning: 'plain JSON, as it is' },
]
