import { StrongroomError } from 'strongroom'

/** A signature is missing, wrong, or made with a key that was not given. Django's name for it is `BadSignature`. */
export class BadSignatureError extends StrongroomError {
  readonly code: string = 'STRONGROOM_DJANGO_SIGNATURE'
  override readonly status = 400
}

/** The signature is valid, but older than `maxAge` allows. */
export class SignatureExpiredError extends BadSignatureError {
  override readonly code = 'STRONGROOM_DJANGO_EXPIRED'
}

/** The signature is valid, but what was signed cannot be read: it is not base64, zlib or JSON, or it is too large. */
export class BadPayloadError extends StrongroomError {
  readonly code = 'STRONGROOM_DJANGO_PAYLOAD'
  override readonly status = 400
}
