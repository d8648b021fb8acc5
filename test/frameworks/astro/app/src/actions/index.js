import { ActionError, defineAction } from 'astro:actions'
import { siteOf } from '../site.js'

const handler = (_input, context) => siteOf(context).action(context, ActionError)

export const server = {
  change: defineAction({ accept: 'form', handler }),
  ask: defineAction({ handler }),
}
