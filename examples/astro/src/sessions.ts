import { createSessions } from 'strongroom'

export const sessions = createSessions<{ visits: number }>({
  store: 'sqlite:./sessions.db',
  secrets: process.env.STRONGROOM_SECRETS,
})
