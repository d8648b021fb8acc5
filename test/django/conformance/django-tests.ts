const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `${from + i}`)

/** Expands `'4-5 test_signature X1-X3'` to a list. */
export const expand = (text: string): string[] =>
  text.split(' ').flatMap((part) => {
    const [, letter = '', from, to] = /^(X?)(\d+)-X?(\d+)$/.exec(part) ?? []
    return from ? numbers(Number(from), Number(to)).map((number) => letter + number) : [part]
  })

/**
 * Django's own tests of sessions, and of what builds on them, that make sense for any framework: by position in
 * tests/sessions_tests (numbers) or by name. X marks cases that Django has no test for. Left out are `str()` of a model's row
 * (66), two tests that Django skips for cookies (99, 100), methods that the base class does not implement (116-125), and a
 * warning about one of Python's defaults.
 */
export const DJANGO_TESTS: readonly string[] = [
  ...expand('1-65'),
  ...expand('67-98 101-102 with_time_zone cached_with_time_zone path_lib'),
  ...expand('103-115 126-129'),
  ...expand(
    'test_signature test_signature_with_salt test_custom_algorithm test_invalid_algorithm test_sign_unsign test_sign_unsign_non_string test_unsign_detects_tampering test_sign_unsign_object test_dumps_loads test_decode_detects_tampering test_works_with_non_ascii_keys test_valid_sep test_invalid_sep test_verify_with_non_default_key test_sign_unsign_multiple_keys test_sign_unsign_ignore_secret_key_fallbacks test_default_keys_verification test_timestamp_signer test_base62 test_non_ascii_round_trip',
  ),
  ...expand(
    'test_can_set_and_read_signed_cookies test_can_use_salt test_salt_namespace_is_unambiguous test_expired_legacy_cookie_raises_signature_expired test_legacy_salt_namespace_is_accepted test_legacy_salt_namespace_not_accepted test_expired_new_style_cookie_does_not_fallback_to_legacy_salt test_detects_tampering test_default_argument_suppresses_exceptions test_max_age_argument test_set_signed_cookie_max_age_argument test_signed_cookies_with_binary_key',
  ),
  ...expand(
    'test_no_password_change_doesnt_invalidate_session test_changed_password_invalidates_session test_no_session test_get_user_fallback_secret test_user_password_change_updates_session test_session_key_flushed_on_login test_session_key_flushed_on_login_after_password_change test_login_session_without_hash_session_key',
  ),
  ...expand('X1-X22'),
]
