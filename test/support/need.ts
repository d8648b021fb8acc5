import { find, installLine, programs } from '../../scripts/programs.mjs'

export interface Need {
  /** For the `skip` option of a test or suite: false, or the reason with the command that installs the program. */
  readonly skip: string | false
  /** Path of the program. Throws when it is missing; a skipped suite never reads it. */
  readonly path: string
}

/** In CI a suite that did not run is an error, because nobody reads the skipped tests of a run that passed. */
export const isEverythingRequired = (env = process.env): boolean =>
  env.STRONGROOM_REQUIRE === 'all' || env.CI === 'true'

/**
 * A program that a suite needs from outside npm: `const chromium = need('chromium')`, then
 * `suite('…', { skip: chromium.skip }, …)` and `chromium.path`. Throws when everything is required and the program is missing.
 */
export function need(program: string, { required = isEverythingRequired(), locate = find } = {}): Need {
  const entry = programs.find((known) => known.program === program)
  if (!entry) throw new Error(`${program} is not in scripts/programs.mjs. Add it there, so that setup can install it.`)
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
