import { sequence } from '@sveltejs/kit/hooks'
import { siteOf } from './site.js'

export const handle = (input) => sequence(...siteOf(input.event).handles)(input)

// Kit would print what these tests throw on purpose.
export const handleError = () => {}
