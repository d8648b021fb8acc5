import { getRequest } from '@tanstack/react-start/server'
import { createSessions } from 'strongroom'

export const sessions = createSessions({
  store: 'sqlite:./sessions.db',
  secrets: process.env.STRONGROOM_SECRETS,
})

/** The session of the request that is being handled. */
export const getSession = (options) => sessions.get(getRequest(), options)
