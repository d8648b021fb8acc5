import { command, form, getRequestEvent, query } from '$app/server'
import { siteOf } from '../../site.js'

const run = (name) => {
  const event = getRequestEvent()
  return siteOf(event).remote[name](event)
}

export const ask = query(() => run('ask'))
export const change = command(() => run('change'))
export const send = form('unchecked', () => run('send'))
