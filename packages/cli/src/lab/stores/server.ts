import type { Server } from '../servers/daemon.ts'
import type { Storage } from '../site.ts'

export const serverOf = (server: Server): NonNullable<Storage['server']> => ({
  kill: () => server.kill(),
  start: () => server.start(),
  pause: () => server.pause(),
  resume: () => server.resume(),
})
