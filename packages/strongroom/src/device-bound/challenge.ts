import type { BindingFacts } from '../context.ts'
import { openValue, signValue } from '../crypto/signed-value.ts'
import { purposeOf } from './purpose.ts'

/** What a challenge is for: one session, one login or key of it, and one proof. */
export type ChallengeOf = readonly string[]

/** Makes challenges, and recognizes them. Nothing is stored: what makes one worthless is that its number has passed. */
export interface Challenges {
  create(of: ChallengeOf, number: number): string
  /** Its number; null if it was not made here and for this, and `expired` if that was too long ago. */
  numberOf(text: string, of: ChallengeOf): number | 'expired' | null
}

/** `lives` in ms. */
export function createChallenges(lives: number, { ring, clock, namespace, transport }: BindingFacts): Challenges {
  const purpose = (of: ChallengeOf) => purposeOf(namespace ?? transport.name, 'device challenge', of)
  return {
    create(of, number) {
      const signedAt = clock()
      return signValue(ring, purpose(of), { text: `${number}`, signedAt, deadline: signedAt + lives })
    },
    numberOf(text, of) {
      const opened = openValue(ring, purpose(of), text)
      if (typeof opened === 'string') return null
      return clock() < opened.deadline ? Number(opened.text) : 'expired'
    },
  }
}
