import type { PendingSession } from 'strongroom/sveltekit'

declare global {
  namespace App {
    interface Locals {
      session: PendingSession<{ visits: number }>
    }
  }
}
