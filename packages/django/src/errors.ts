import { StrongroomError } from 'strongroom'

/** A signature is missing, wrong, or made with a key that was not given. Django has the same name for it. */
export class BadSignatureError extends StrongroomError {
  readonly code: string = 'STRONGROOM_DJANGO_SIGNATURE'
  override readonly status = 400
}

/** The signature is right, and older than was allowed. */
export class SignatureExpiredError extends BadSignatureError {
  override readonly code = 'STRONGROOM_DJANGO_EXPIRED'
}

/** The signature is right, and what was signed cannot be read: not base64, not zlib, not JSON, or too large. */
export class BadPayloadError extends StrongroomError {
  readonly code = 'STRONGROOM_DJANGO_PAYLOAD'
  override readonly status = 400
}
