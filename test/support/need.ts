import { find, installLine, programs } from '../../scripts/programs.mjs'

export interface Need {
  /** For the `skip` option of a test or suite: false, or the reason with the line that enables it. */
  readonly skip: string | false
  /** Where the program is; throws when it is absent, which a skipped suite never notices. */
  readonly path: string
}

/** Under CI, a suite that did not run is a failure: nobody reads the skips of a green run. */
export const isEverythingRequired = (env = process.env): boolean =>
  env.STRONGROOM_REQUIRE === 'all' || env.CI === 'true'

/**
 * What a suite needs from outside npm. `const chromium = need('chromium')`, then `suite('…', { skip: chromium.skip }, …)`
 * and `chromium.path`. Throws when everything is required and the program is absent.
 */
export function need(program: string, { required = isEverythingRequired(), locate = find } = {}): Need {
  const entry = programs.find((known) => known.program === program)
  if (!entry) throw new Error(`${program} is not in scripts/programs.mjs: add it there, so that setup installs it.`)
  const path = locate(program)
  if (path) return { skip: false, path }
  const note = entry.note ? ` (${entry.note})` : ''
  const reason = `${program} is not installed: ${installLine([entry.package])}${note}`
  if (required) throw new Error(reason)
  return {
    skip: reason,
    get path(): string {
      throw new Error(reason)
    },
  }
}
