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
  { kind: 'open', length: 4, name: 'generation', meaning: 'how often the session was given a new token' },
  { kind: 'open', length: 16, name: 'sid', meaning: 'random: which session it is, for its whole life' },
  { kind: 'yours', length: 32, name: 'token', meaning: 'random: your key, stored nowhere else' },
  { kind: 'ours', length: 12, name: 'tag', meaning: 'reveals invented cookies' },
]

/** What a record says in the open, after its format. */
const HEADER: readonly Part[] = [
  { kind: 'open', length: 4, name: 'generation', meaning: 'which of your tokens it was stored under' },
  { kind: 'open', length: 4, name: 'renewed at', meaning: 'since when, in seconds since 1970' },
  { kind: 'open', length: 1, name: 'born under', meaning: 'which of the server’s keys the session began under' },
  { kind: 'open', length: 1, name: 'reserved', meaning: 'always 0' },
]

const sealed = (size: number, header: readonly Part[]): readonly Part[] => [
  HEAD,
  ...header,
  { kind: 'open', length: 24, name: 'salt', meaning: 'random, new at every write' },
  { kind: 'ours', length: 16, name: 'commitment', meaning: 'these bytes open under one key only' },
  {
    kind: 'sealed',
    length: size - 58 - header.reduce((sum, { length }) => sum + length, 0),
    name: 'your session',
    meaning: 'encrypted: unreadable without its key',
  },
  { kind: 'ours', length: 16, name: 'tag', meaning: 'no bit can be altered unnoticed' },
]

/** A record of `size` bytes, under the seal two-key. */
export const recordParts = (size: number): readonly Part[] => sealed(size, HEADER)

/** A sealed cookie of `size` bytes. */
export const sealedCookieParts = (size: number): readonly Part[] => sealed(size, [])

export const signedCookieParts = (size: number): readonly Part[] => [
  HEAD,
  { kind: 'plain', length: size - 34, name: 'your session', meaning: 'readable by anyone who has the cookie' },
  { kind: 'ours', length: 32, name: 'signature', meaning: 'no bit can be altered unnoticed' },
]

/** A record that is not sealed: the session, and a last line that says which token it belongs to. */
export function plainRecordParts(bytes: Uint8Array): readonly Part[] {
  const end = bytes.lastIndexOf(0x0a)
  return [
    { kind: 'plain', length: end, name: 'your session', meaning: 'plain JSON, as it is' },
    {
      kind: 'open',
      length: bytes.length - end,
      name: 'last line',
      meaning: 'which of your tokens it was stored under',
    },
  ]
}
