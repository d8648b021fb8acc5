import type { CipherName } from '../../packages/strongroom/src/crypto/primitives.ts'

/** The contents of a golden file of sessions whose token was renewed by time. */
export interface GoldenForward {
  readonly secrets: readonly string[]
  readonly records: readonly {
    readonly seal: 'two-key' | 'server-key' | 'none'
    readonly cipher: CipherName
    /** Had a request come with the present cookie? */
    readonly isSeen: boolean
    /** The cookie before that. */
    readonly previous: string
    readonly cookie: string
    readonly id: string
    readonly bytes: string
    readonly expiresAt: number
    readonly createdAt: number
    readonly owner: string | null
    readonly label: string | null
  }[]
}

/** In ms. The session was renewed when it was as old, and seen a second later. */
export const EVERY = 900_000
