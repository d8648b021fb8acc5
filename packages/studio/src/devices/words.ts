import { ConfigError } from 'strongroom'
import { checkOptions } from 'strongroom/internal'

/** Every word of the devices page, to translate or to make one's own. */
export interface DevicesWords {
  /** Of the page, and of its dates: "en", "pt-BR". */
  readonly lang: string
  readonly title: string
  readonly lead: string
  readonly thisDevice: string
  /** For a session that is worth nothing elsewhere, if somebody copies its cookies. */
  readonly bound: string
  /** For a session whose device is not known. */
  readonly unknownDevice: string
  /** `{when}` is the moment. */
  readonly lastUse: string
  readonly began: string
  /** The button of another device, and the one of this. */
  readonly end: string
  readonly endThis: string
  readonly endOthers: string
  readonly noOthers: string
  /** After a device was ended, and when it had ended before. */
  readonly ended: string
  readonly endedBefore: string
  /** `{count}` is how many; `endedOthersUncounted` is for an engine that cannot count. */
  readonly endedOthers: string
  readonly endedOthersUncounted: string
  /** When a form came from elsewhere, and when this session ended or went on elsewhere meanwhile. */
  readonly refused: string
  readonly gone: string
  /** When the store did not answer. */
  readonly failed: string
  /** For an engine that can end a user's sessions, and not list them. */
  readonly unlisted: string
  /** Below a list that is too long for one page; `{count}` is how many are shown. */
  readonly onlyNewest: string
}

const ENGLISH: DevicesWords = {
  lang: 'en',
  title: 'Your devices',
  lead: 'This is where you are signed in. Sign out what you do not recognize, and then change your password.',
  thisDevice: 'This device',
  bound: 'Bound to the device',
  unknownDevice: 'Unknown device',
  lastUse: 'Last used {when}',
  began: 'Signed in {when}',
  end: 'Sign out',
  endThis: 'Sign out here',
  endOthers: 'Sign out everywhere else',
  noOthers: 'You are signed in on this device alone.',
  ended: 'That device is signed out.',
  endedBefore: 'That device was signed out before.',
  endedOthers: 'Devices that were signed out: {count}.',
  endedOthersUncounted: 'You are signed out everywhere else.',
  refused: 'Nothing was changed, because the form did not come from this page. Try once more.',
  gone: 'Nothing was changed, because this session has changed meanwhile. Load the page again.',
  failed: 'Your devices cannot be shown at the moment. Try again soon.',
  unlisted: 'Your devices cannot be listed, but you can sign out everywhere else.',
  onlyNewest: 'Only the newest {count} are shown. “Sign out everywhere else” is for the older ones, too.',
}

export function checkWords(given: Partial<DevicesWords>): DevicesWords {
  checkOptions('devicesPage(): words', given, Object.keys(ENGLISH))
  const wrong = Object.entries(given).find(([, word]) => typeof word !== 'string')
  if (wrong) throw new ConfigError(`devicesPage(): words.${wrong[0]} must be a string.`)
  const words = { ...ENGLISH, ...given }
  try {
    Intl.getCanonicalLocales(words.lang)
  } catch {
    throw new ConfigError('devicesPage(): words.lang must be a language, such as "en" or "pt-BR".')
  }
  return words
}
