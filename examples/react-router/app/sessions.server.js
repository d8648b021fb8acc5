import { createSessions } from 'strongroom'

export const sessions = createSessions({
  store: 'sqlite:./sessions.db',
  secrets: process.env.STRONGROOM_SECRETS,
})
