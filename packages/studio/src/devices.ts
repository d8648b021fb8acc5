import { type BaseSessions, ConfigError } from 'strongroom'
import { checkOptions } from 'strongroom/internal'
import { DevicesPages } from './devices/pages.ts'
import { checkWords, type DevicesWords } from './devices/words.ts'
import { forms } from './forms.ts'
import { checkPath, checkSessions, type Mounted, mounted } from './mount.ts'
import type { StudioSessions } from './sessions.ts'

export type { DevicesWords }

/** Options of `devicesPage`. */
export interface DevicesOptions {
  /** Where it is mounted: "/account/devices", the default. Express says it by itself. */
  readonly path?: string | undefined
  /** Where a visitor goes who is not signed in, or has just signed out here: a path of the application. By default "/". */
  readonly signIn?: string | undefined
  /** Other words than the English ones, all or some. */
  readonly words?: Partial<DevicesWords> | undefined
  /** A style sheet after the page's own, from the same origin: for its CSS variables. */
  readonly stylesheet?: string | undefined
  /** The origin that browsers see, such as "https://shop.example": behind a proxy that changes `Host`. */
  readonly origin?: string | readonly string[] | undefined
}

export interface DevicesPage extends Mounted {
  /**
   * The list alone, as HTML to put into a page of the application. `request` is one that `sessions.get(request)` takes. Its forms go to
   * the mounted page. Empty for a visitor who is not signed in.
   */
  fragment(request: object): Promise<string>
}

const KNOWN = ['path', 'signIn', 'words', 'stylesheet', 'origin'] as const

/** A page where users see where they are signed in, and end what they do not recognize. Throws `ConfigError` for a wrong option. */
export function devicesPage<Data extends object>(
  sessions: BaseSessions<Data>,
  options: DevicesOptions = {},
): DevicesPage {
  const given = sessions as unknown as StudioSessions
  checkSessions('devicesPage(sessions)', given)
  checkOptions('devicesPage()', options, KNOWN)
  const path = checkPath('devicesPage()', options.path ?? '/account/devices')
  const pages = new DevicesPages(given, {
    signIn: checkLocal('signIn', options.signIn ?? '/'),
    stylesheet: options.stylesheet === undefined ? null : checkLocal('stylesheet', options.stylesheet),
    words: checkWords(options.words ?? {}),
    forms: forms(given, options.origin),
  })
  return {
    ...mounted(given, path, (request, bindings) => pages.answer(request, bindings)),
    fragment: (request) => pages.fragment(request, path),
  }
}

/** A path, because the page loads nothing from elsewhere, and sends nobody elsewhere. */
function checkLocal(name: string, given: unknown): string {
  if (typeof given === 'string' && /^\/(?![/\\])/.test(given)) return given
  throw new ConfigError(`devicesPage(): ${name} must be a path of this application, such as "/sign-in".`)
}
