import type { Backing } from '../backing/backing.ts'
import { askWithin } from '../base/ask.ts'
import { functionOption } from '../base/check.ts'
import { warnOfOption } from '../base/warn.ts'
import type { Addresses } from '../context.ts'
import { ConfigError } from '../errors.ts'
import { shortenAddress } from '../session/address.ts'
import type { Meta } from '../session/content.ts'
import { tidyLabel } from '../session/device.ts'

/**
 * Returns the visitor's address, from what the framework hands to its handlers; null, or undefined, if it is unknown. Of what type the
 * request is, the application says.
 */
// The parameter of a method may be of a narrower type than `object`, and that of a function may not.
export type AddressOf = { of(request: object): string | null | undefined }['of']

/** Names the place of an address; null, or undefined, if it is unknown. */
export type PlaceOf = (address: string) => string | null | undefined | Promise<string | null | undefined>

export interface AddressOptions {
  readonly address?: AddressOf | undefined
  readonly place?: PlaceOf | undefined
  /** Does something else need the address? Then it makes sense where no list could show it, too. */
  readonly guessing?: object | undefined
}

const WARNING = 'STRONGROOM_ADDRESS'

interface AddressParts {
  readonly backing: Backing
  /** Null where sessions have another framework's format. */
  readonly namespace: string | null
  /** Time limit of one call of `place`, in ms. */
  readonly timeout: number
}

/** The options `address` and `place`, checked. Null where no list could show an address. Throws `ConfigError`. */
export function createAddresses({ address, place, guessing }: AddressOptions, parts: AddressParts): Addresses | null {
  const reason = unlisted(parts)
  for (const [name, given] of Object.entries({ address, place })) {
    if (given === undefined) continue
    functionOption<unknown>(name, given, null)
    if (reason && (name === 'place' || !guessing))
      throw new ConfigError(`${name} is for lists of devices. ${reason} Leave it out.`)
  }
  if (place && !address)
    throw new ConfigError(
      'place needs the option address, too: without it, no session has an address to name the place of.',
    )
  if (reason) return null
  const read = address ? addressReader(address, 'The sessions are saved without an address, and requests go on.') : null
  return {
    of: read,
    note: read ? notedBy(read) : withoutAddress,
    placeOf: place ? placesBy(place, parts.timeout) : null,
  }
}

/** Why there are no lists with addresses; null if there are. */
function unlisted({ backing: { users, traits }, namespace }: AddressParts): string | null {
  if (!users.list) return `The engine ${traits.engine} cannot list a user's sessions: ${users.advice.list}`
  return namespace === null
    ? 'These sessions have the format of another framework, which has no place for an address.'
    : null
}

/** Personal data is not kept beyond its purpose: where the option was removed, the next write drops what is stored. */
function withoutAddress(meta: Meta): Meta {
  if (meta.address === undefined) return meta
  const { address: _, ...rest } = meta
  return rest
}

/** The shortened address of a request, or null. A failure is no reason to refuse a request, which is about something else. */
export function addressReader(addressOf: AddressOf, consequence: string): NonNullable<Addresses['of']> {
  const warn = warnOfOption(WARNING, 'address', consequence)

  return (request) => {
    let given: unknown
    try {
      given = addressOf(request)
    } catch {
      warn('threw an error')
      return null
    }
    if (given === null || given === undefined) return null
    const shortened = typeof given === 'string' ? shortenAddress(given) : null
    if (shortened === null) warn(insteadOfAddress(given))
    return shortened
  }
}

function notedBy(read: NonNullable<Addresses['of']>): Addresses['note'] {
  return (meta, request) => {
    // Nobody lists anonymous sessions, so they get none.
    const address = meta.userId === null || request === null ? null : read(request)
    if (address === null) return withoutAddress(meta)
    return address === meta.address ? meta : { ...meta, address }
  }
}

/** What it returned, without saying it: a header that was passed on may contain anything. */
function insteadOfAddress(given: unknown): string {
  if (typeof given === 'string')
    return 'returned a string that is no IP address. Of a list, such as that of X-Forwarded-For, return one address, and no port'
  if (!(given instanceof Promise)) return 'returned neither a string nor null'
  // Nobody waits for it: a rejection would end the process.
  given.catch(() => undefined)
  return 'returned a promise. It must return the address itself'
}

function placesBy(place: PlaceOf, timeout: number): NonNullable<Addresses['placeOf']> {
  const warn = warnOfOption(WARNING, 'place', 'The list shows null for the place.')
  const ask = askWithin(timeout, warn)

  return async (address) => {
    const given = await ask(() => place(address))
    if (typeof given === 'string') return tidyLabel(given)
    if (given !== null && given !== undefined) warn('returned neither a string nor null')
    return null
  }
}
