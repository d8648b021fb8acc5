import { sequence } from '@sveltejs/kit/hooks'
import { kit, siteOf } from './site.js'

export const handle = (input) =>
  sequence(...siteOf(input.event).handles.map((handle) => (given) => handle(given, kit)))(input)

export const handleError = (input) => siteOf(input.event).handleError?.(input)

/** What the application fetches from itself is for the same test. */
export const handleFetch = ({ event, request, fetch }) => {
  request.headers.set('x-site', event.request.headers.get('x-site'))
  return siteOf(event).handleFetch?.({ event, request, fetch }) ?? fetch(request)
}
