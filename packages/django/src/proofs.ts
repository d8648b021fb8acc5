import { isProofs, type Meta, type Proof } from 'strongroom/internal'
import { PROOF } from './document.ts'
import type { ObjectNode } from './json/read.ts'
import { toJsonValue } from './json/view.ts'

/**
 * What the user of a session has proved, which Django does not store: `{"user": "7", "proofs": [[1767225600000, 1, "password"]]}`, with
 * moments in ms, the oldest first. With the user, because Django's own code may put another one into the same session.
 */
interface Stored {
  readonly user: string
  readonly proofs: readonly Proof[]
}

/** Empty where nobody has stored any: when somebody signed in at Django, or without a method and a level here, is not known. */
export function proofsIn({ entries }: ObjectNode, userId: string | null): readonly Proof[] {
  const node = entries.get(PROOF)
  const { user, proofs } = (node?.kind === 'object' ? toJsonValue(node) : {}) as Partial<Stored>
  return userId !== null && user === userId && isProofs(proofs) ? proofs : []
}

/** The key to write, or to remove (null). */
export const proofChange = ({ userId, proofs = [] }: Meta): Record<typeof PROOF, Stored | null> => ({
  [PROOF]: userId === null || proofs.length === 0 ? null : { user: userId, proofs },
})
