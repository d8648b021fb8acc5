import { randomBytes } from 'node:crypto'
import { appendFileSync, chmodSync, existsSync, readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { createKeyring } from 'strongroom/internal'
import { misuse } from './failure.ts'

/** A new secret in base64url; with a key id of its own beside `others`, which must be good ones. */
export function newSecret(others = ''): string {
  const taken = others ? kidsOf(others) : []
  if (taken.length === 256) throw misuse('All 256 key ids are taken: remove retired secrets that nobody needs.')
  for (;;) {
    const fresh = randomBytes(32).toString('base64url')
    if (isGood(fresh) && !taken.includes(kidsOf(fresh)[0] as number)) return fresh
  }
}

/** The key ids of these secrets, the current one first; throws `ConfigError` when they would not do as a ring. */
export const kidsOf = (secrets: string) => createKeyring(secrets).masters.map(({ kid }) => kid)

/** By a rare chance, a random text looks like a placeholder and would be refused. */
function isGood(secret: string): boolean {
  try {
    return kidsOf(secret).length === 1
  } catch {
    return false
  }
}

const NAME = 'STRONGROOM_SECRETS'

/** Puts a new secret into an environment file, unless there is one there or in the environment; says what was done. */
export function writeKey(file: string): string {
  if (process.env[NAME]) return `Kept the key that is in the environment (${NAME}).`
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  if (parseEnv(text)[NAME]) return `Kept the key that is in ${file}.`
  const gap = text === '' || text.endsWith('\n') ? '' : '\n'
  appendFileSync(file, `${gap}${NAME}=${newSecret()}\n`, { mode: 0o600 })
  // The mode above is for a new file; one that was there holds a secret now.
  chmodSync(file, 0o600)
  return `Wrote a new key to ${file}, readable by you alone. It is nowhere else: keep a copy where your secrets are kept.`
}
