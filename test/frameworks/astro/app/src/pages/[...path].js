import { siteOf } from '../site.js'

export const ALL = (context) => siteOf(context).respond(context)
