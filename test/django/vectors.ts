import { readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Signed {
  readonly name: string
  readonly json: string
  readonly compressed: boolean
  readonly signed: string
}
interface Cookie {
  readonly name: string
  readonly salt: string
  readonly value_in: string
  readonly cookie_value: string
}

/** Made by Django 5.2.17 (and 3.2.25, where the name says legacy), with the keys and the moment of peer.ts. */
export const vectors = JSON.parse(readFileSync(join(import.meta.dirname, 'vectors.json'), 'utf8')) as {
  readonly salts: Record<'session_data' | 'signed_cookies', string>
  readonly session_data: readonly Signed[]
  readonly signed_cookies: readonly Signed[]
  readonly set_signed_cookie_v2: readonly Cookie[]
  readonly set_signed_cookie_legacy: readonly Cookie[]
  readonly rotation: Record<string, string> & {
    readonly session_data_signed_with_old: string
    readonly signed_cookies_signed_with_old: string
    readonly set_signed_cookie_v2_c_hello_signed_with_old: string
    readonly payload: Record<string, string>
    readonly reencoded_with_new: string
  }
  readonly reader_cases: readonly { readonly name: string; readonly input: string; readonly decoded: object }[]
  readonly base62: Record<string, string>
  readonly signers: Record<string, string>
  readonly session_auth_hash: { readonly password_field: string; readonly hash: string }
  readonly db_row: { readonly session_key: string; readonly session_data: string; readonly expire_date_utc: string }
  readonly cache_keys: { readonly 'redis_value_hex_for_{cat:dog}': string }
  readonly django_redis_sessions_0_6_2: { readonly key: string; readonly value: string }
}
