import { ConfigError } from '../../errors.ts'

/**
 * The path in a URL that names a file or a directory, decoded: relative, absolute, or `///absolute`. Throws `ConfigError`, which
 * never repeats it.
 */
export function localPath(scheme: string, path: string): string {
  const rooted = path.startsWith('///') ? path.slice(2) : path
  if (/^~[^/]*(?:\/|$)/.test(rooted))
    throw new ConfigError(
      `A shell does not expand "~" in a URL: write the whole path, as in ${scheme}:$HOME/… (or ${scheme}:./~… for a name that begins with "~").`,
    )
  if (rooted.startsWith('//')) {
    throw new ConfigError(
      `A ${scheme}: URL names a path on this machine, and no host: write ${scheme}:./relative or ${scheme}:/absolute.`,
    )
  }
  try {
    return decodeURIComponent(rooted)
  } catch (cause) {
    throw new ConfigError(
      `The path of the ${scheme}: URL has a "%" that is not followed by two hexadecimal digits: write it as %25.`,
      { cause },
    )
  }
}
