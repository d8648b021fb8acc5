import { createHash } from 'node:crypto'
import { createKeyring, type Keyring } from '../../../packages/strongroom/src/crypto/keyring.ts'

/** A good secret that is the same in every run. */
export const secret = (name: string) => createHash('sha256').update(`test secret ${name}`).digest('base64url')

export const ringOf = (...names: string[]): Keyring => createKeyring(names.map(secret))
