import { isPermanent } from 'strongroom/internal'
import { messageOf } from './failure.ts'

export const NO_USE = 'Running it again will not help until that is mended.'

/** Remembers why calls failed: what fails for good is named, and advice to try again is only for what may pass. */
export class Failures {
  /** The first that will not pass by itself, with its cause; null when there was none. */
  permanent: string | null = null

  /** Rejects as the call does. `doing` says what failed: "Django's users could not be read". */
  async watch<T>(doing: string, call: () => Promise<T>, onPermanent?: () => void): Promise<T> {
    try {
      return await call()
    } catch (error) {
      if (isPermanent(error)) {
        this.permanent ??= `${doing}: ${messageOf(error)}`
        onPermanent?.()
      }
      throw error
    }
  }
}
