import { type StrongroomError, watchResponses } from '../errors.ts'
import { reasonWarnings } from './reasons.ts'

const warn = reasonWarnings({
  code: 'STRONGROOM_HANDLER',
  failed: 'A request failed',
  advice: 'To log errors in your own way, handle them: onError, or the error handler of the framework.',
})

/**
 * Makes one warning of each reason for which a default response says no more than that something failed. A store that failed has an
 * event, and a warning of its own.
 */
export function warnUnhandled(error: StrongroomError): void {
  if (error.code !== 'STRONGROOM_STORE' && error.status >= 500) warn(error)
}

/** The same for every default response from now on: for frameworks that ask an error for its response, and log nothing. */
export const warnOfResponses = () => watchResponses(warnUnhandled)
