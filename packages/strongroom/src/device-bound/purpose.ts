import type { Purpose } from '../crypto/signed-value.ts'

/** What a value is signed for. No cookie of an application has a name with a space in it, so none of its signed cookies can be one. */
export const purposeOf = (
  namespace: string,
  name: 'device cookie' | 'device challenge',
  of: readonly string[],
): Purpose => ({
  namespace,
  name,
  salt: JSON.stringify(of),
})
