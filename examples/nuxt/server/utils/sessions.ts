import { createSessions } from 'strongroom'

// Nuxt imports it by itself in every file under server/.
export const sessions = createSessions<{ visits: number }>({
  store: process.env.STORE,
  secrets: process.env.STRONGROOM_SECRETS,
})
