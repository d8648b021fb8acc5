import type { CipherName } from '../../packages/strongroom/src/crypto/primitives.ts'

/** The contents of a golden file. */
export interface Golden {
  readonly secrets: readonly string[]
  /** For each secret: the key id, and the keys by their use, in hexadecimal. */
  readonly masters: readonly { readonly kid: number; readonly keys: Readonly<Record<string, string>> }[]
  /** First tokens, renewed ones, and computed ones with what they were computed from. */
  readonly tokens: readonly {
    readonly namespace: string
    readonly sid: string
    readonly token: string
    readonly generation: number
    readonly id: string
    readonly cookie: string
    readonly handle: string
    readonly computed?: { readonly secret: number; readonly what: readonly string[] }
  }[]
  readonly owners: readonly {
    readonly secret: number
    readonly namespace: string
    readonly userId: string
    readonly tag: string
  }[]
  readonly records: readonly {
    readonly seal: 'two-key' | 'server-key' | 'none'
    readonly cipher: CipherName
    readonly cookie: string
    readonly owner: string | null
    readonly payload: string
    readonly renewedAt: number
    readonly bornUnder: number
    readonly bytes: string
    /** A cookie of the same session, from before its last renewal. */
    readonly superseded: string
  }[]
  readonly labels: readonly {
    readonly id: string
    readonly cipher: CipherName
    readonly label: {
      readonly text: string | null
      readonly idle: number
      readonly deadline: number
      readonly stamp?: string
    }
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
  /** Cookies that were ended or superseded, with what the store of revocations says of them. */
  readonly ended: readonly {
    readonly how: 'logout' | 'renewal' | 'revoke-all'
    readonly cookie: string
    readonly marks: readonly {
      readonly id: string
      readonly bytes: string
      readonly label: string | null
      readonly expiresAt: number
    }[]
  }[]
}

/** The moment at which everything was created. */
export const CLOCK = 2_000_000_000_000
export const NAME = '__Host-id'
export const RENEWED_AT = 2_000_000_000
export const NAMESPACES = [NAME, 'admin', 'x'.repeat(256)] as const
export const USERS = ['ada', '4711', 'Zoë 🔑', 'x'.repeat(300)] as const
export const PAYLOADS = [
  '{"c":2000000000000,"d":2000043200000,"i":1800000}\n{}',
  '{"c":2000000000000,"d":2000043200000,"i":0,"a":2000000000000,"u":"ada","l":"Firefox on Linux","p":1}\n{"basket":["böök",{"n":1.5,"deep":[null,true,""]}],"🔑":"\\ud800"}',
] as const
export const DATA = { basket: ['böök', { n: 1.5, deep: [null, true, ''] }], '🔑': 'x'.repeat(200), 1: 'first' }
export const LOGIN = { label: 'Firefox on Linux', remember: '30d' } as const
