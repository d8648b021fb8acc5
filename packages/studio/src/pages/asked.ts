import type { StudioContext } from '../board.ts'

/**
 * Has a page of the studio asked for this, or the operator by an address or a bookmark? What costs the store something needs that although
 * it is a GET and changes nothing: another site could open it in an operator's browser as often as it likes.
 */
export function isAskedHere(c: StudioContext): boolean {
  const site = c.req.header('sec-fetch-site')
  return site === undefined || site === 'same-origin' || site === 'none'
}
