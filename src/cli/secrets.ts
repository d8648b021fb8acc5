import { randomBytes } from 'node:crypto'
import { appendFileSync, chmodSync, existsSync, readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { createKeyring } from '../keyring.ts'

/** A new secret in base64url, drawn again when its key id (or, by a rare chance, its look) would be refused beside `others`. */
export function newSecret(others = ''): string {
  for (;;) {
    const fresh = randomBytes(32).toString('base64url')
    if (fits(`${fresh} ${others}`)) return fresh
  }
}

/** Throws `ConfigError` when these would not do as a ring. */
export function checkSecrets(secrets: string): void {
  createKeyring(secrets)
}

function fits(secrets: string): boolean {
  try {
    checkSecrets(secrets)
    return true
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
