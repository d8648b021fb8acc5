import { detached } from '../base/bytes.ts'
import { Memo } from '../base/memo.ts'
import type { Aead } from '../crypto/aead.ts'
import type { LiveKeyring } from '../crypto/keyring.ts'
import { type Refused, type TokenNames, type VerifiedToken, verifyToken } from '../crypto/token.ts'
import type { VerifiedCookie } from './backing.ts'

interface VerifierOptions {
  readonly ring: LiveKeyring
  readonly namespace: string
  readonly tokenNamespace?: string | undefined
  readonly aead: Aead
  readonly memo: number
}

export const namesOf = ({
  namespace,
  tokenNamespace,
}: Pick<VerifierOptions, 'namespace' | 'tokenNamespace'>): TokenNames =>
  tokenNamespace === undefined ? namespace : { ids: namespace, tags: tokenNamespace }

/** The part of the memo's limit that is for verified cookies: there are at least as many of them as of sessions of 1 KB. */
export const memoOfTokens = (memo: number) => memo / 8

/** Measured: what a verified cookie takes, rounded up. */
const TOKEN_WEIGHT = 896

/** Remembers verified cookies by their text: verifying costs two HMACs, and one visitor's cookie comes a hundred times. */
export function rememberingVerifier(options: VerifierOptions): (text: string) => VerifiedCookie | Refused {
  const { ring, aead, memo } = options
  const names = namesOf(options)
  const known = new Memo<VerifiedToken>(memoOfTokens(memo))
  // A secret that was removed must stop opening immediately.
  ring.onReplaced(() => known.deleteWhere(({ master }) => ring.get(master.kid) !== master))
  return (text) => {
    const before = known.get(text)
    if (before) return before
    const verified = verifyToken(text, ring, names, aead.primitives)
    if (typeof verified === 'string') return { refused: verified }
    // Cut from the header, the text would keep all of it in memory, other cookies included, for as long as it is remembered.
    const token = { ...verified, text: detached(text) }
    known.set(token.text, token, TOKEN_WEIGHT)
    return token
  }
}
