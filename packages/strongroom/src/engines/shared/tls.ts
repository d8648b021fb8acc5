const UNTRUSTED = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]
const EXPIRED = ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']
const OTHER_HOST = ['ERR_TLS_CERT_ALTNAME_INVALID']
/** What answered the greeting of TLS is something else. */
const NO_TLS = ['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG']

/** Codes of Node and of the drivers for a connection that TLS cannot secure until a setting or a certificate is changed. */
export const TLS_SETTINGS: readonly string[] = [
  ...UNTRUSTED,
  ...EXPIRED,
  ...OTHER_HOST,
  ...NO_TLS,
  'HANDSHAKE_NO_SSL_SUPPORT',
]

/** What to do about one of them; undefined for other errors. `server` is its name: "PostgreSQL". */
export function tlsAdvice(server: string, code: unknown): string | undefined {
  const is = (codes: readonly string[]) => codes.includes(code as string)
  if (is(UNTRUSTED))
    return `The certificate of ${server} is signed by nobody whom Node trusts. Set NODE_EXTRA_CA_CERTS to the file of its certificate authority.`
  if (is(EXPIRED)) return `The certificate of ${server} has expired, or is not valid yet. Check it, and the clock.`
  if (is(OTHER_HOST))
    return `The certificate of ${server} is for another host name. Connect by a name that is in the certificate.`
  if (is(NO_TLS)) return `${server} does not speak TLS on this port. Turn TLS on there, or off in the URL.`
  return undefined
}
