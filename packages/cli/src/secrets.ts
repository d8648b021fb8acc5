import { randomBytes } from 'node:crypto'
import { createKeyring } from 'strongroom/internal'
import { misuse } from './failure.ts'

/** A new secret in base64url, with a key id that none of `others` has. They must be valid secrets. */
export function newSecret(others = ''): string {
  const taken = others ? kidsOf(others) : []
  if (taken.length === 256) throw misuse('All 256 key ids are in use: remove retired secrets that are not needed.')
  for (;;) {
    const fresh = randomBytes(32).toString('base64url')
    if (isValid(fresh) && !taken.includes(kidsOf(fresh)[0] as number)) return fresh
  }
}

/** The key ids of these secrets, the current one first. Throws `ConfigError` when they cannot form a ring. */
export const kidsOf = (secrets: string) => createKeyring(secrets).masters.map(({ kid }) => kid)

/** On rare occasions a random string looks like a placeholder, which is refused. */
function isValid(secret: string): boolean {
  try {
    return kidsOf(secret).length === 1
  } catch {
    return false
  }
}
