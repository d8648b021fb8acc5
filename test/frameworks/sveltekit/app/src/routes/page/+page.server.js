import { kit, siteOf } from '../../site.js'

export const load = (event) => siteOf(event).load?.(event, kit)

export const actions = { default: (event) => siteOf(event).action(event, kit) }
