import type { CipherName } from '../../packages/strongroom/src/crypto/primitives.ts'

/** The contents of a golden file. */
export interface Golden {
  readonly secrets: readonly string[]
  /** For each secret: the key id, and the keys for token, seal, owner, label and cookie in hexadecimal. */
  readonly masters: readonly { readonly kid: number; readonly keys: readonly string[] }[]
  readonly tokens: readonly {
    readonly token: string
    readonly id: string
    readonly cookie: string
    readonly handle: string
  }[]
  readonly owners: readonly { readonly secret: number; readonly userId: string; readonly tag: string }[]
  readonly records: readonly {
    readonly seal: 'two-key' | 'server-key'
    readonly cipher: CipherName
    readonly cookie: string
    readonly owner: string | null
    readonly payload: string
    readonly bytes: string
  }[]
  readonly labels: readonly {
    readonly id: string
    readonly cipher: CipherName
    readonly label: { readonly text: string | null; readonly idle: number; readonly deadline: number }
    readonly bytes: string
  }[]
  readonly cookies: readonly {
    readonly protection: 'sealed' | 'signed'
    readonly cipher: CipherName
    readonly payload: string
    readonly text: string
  }[]
  /** Whole sessions in a store, each with its cookie. */
  readonly resting: readonly {
    readonly seal: 'two-key' | 'server-key' | 'none'
    readonly cookie: string
    readonly id: string
    readonly bytes: string
    readonly expiresAt: number
    readonly createdAt: number
    readonly owner: string | null
    readonly label: string | null
  }[]
  /** Whole sessions in cookies. */
  readonly travelling: readonly { readonly protection: 'sealed' | 'signed'; readonly cookie: string }[]
  /** Cookies whose session was ended, with the revocations in the store. */
  readonly ended: readonly {
    readonly how: 'logout' | 'revoke-all'
    readonly cookie: string
    readonly marks: readonly { readonly id: string; readonly bytes: string; readonly expiresAt: number }[]
  }[]
}

/** The moment at which everything was created. */
export const CLOCK = 2_000_000_000_000
export const NAME = '__Host-id'
export const USERS = ['ada', '4711', 'Zoë 🔑', 'x'.repeat(300)] as const
export const PAYLOADS = [
  '{"c":2000000000000,"d":2000043200000,"i":1800000}\n{}',
  '{"c":2000000000000,"d":2000043200000,"i":0,"a":2000000000000,"u":"ada","l":"Firefox on Linux","p":1}\n{"basket":["böök",{"n":1.5,"deep":[null,true,""]}],"🔑":"\\ud800"}',
] as const
export const DATA = { basket: ['böök', { n: 1.5, deep: [null, true, ''] }], '🔑': 'x'.repeat(200), 1: 'first' }
export const LOGIN = { label: 'Firefox on Linux', remember: '30d' } as const
