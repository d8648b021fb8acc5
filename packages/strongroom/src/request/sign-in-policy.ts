import { ConfigError } from '../errors.ts'
import { keptBy } from '../session/keep.ts'
import { type Keep, mistakeInKeep } from '../session/login.ts'
import { type SiteData, siteDataOf } from '../session/site-data.ts'
import type { SignInPolicy } from '../session/state.ts'

interface Options {
  readonly keep?: Keep | undefined
  readonly clearSiteData?: readonly SiteData[] | undefined
}

/** The options `keep` and `clearSiteData`, checked. Throws `ConfigError`. */
export function signInPolicyOf(
  { keep = 'all', clearSiteData }: Options,
  transport: Parameters<typeof siteDataOf>[1],
): SignInPolicy {
  const mistake = mistakeInKeep(keep)
  if (mistake) throw new ConfigError(`keep ${mistake}`)
  return {
    keep: typeof keep === 'object' ? [...keep] : keep,
    keptBy,
    siteDataOf: siteDataOf(clearSiteData, transport),
  }
}
