export type { AuthKeys } from './auth.ts'
export { sessionAuthHash, verifySessionAuthHash } from './auth.ts'
export { BadPayload, BadSignature, SignatureExpired } from './errors.ts'
export { type Float, float } from './json/write.ts'
export type { PayloadLimits } from './payload.ts'
export type { ReadSignedCookieOptions, SignedCookieOptions } from './signed-cookie.ts'
export { signCookieValue, unsignCookieValue } from './signed-cookie.ts'
export type {
  Ageing,
  Algorithm,
  DumpsOptions,
  LoadsOptions,
  ObjectOptions,
  SecretKey,
  SignerOptions,
  TimestampSignerOptions,
} from './signer.ts'
export { dumps, loads, Signer, TimestampSigner } from './signer.ts'
