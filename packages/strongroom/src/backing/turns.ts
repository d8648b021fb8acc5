import type { Master } from '../crypto/keyring.ts'
import { type Epoch, Epochs } from './epochs.ts'
import { MARGIN } from './own-entries.ts'

/** What a login must do in turn with the other logins of its user. */
export interface Turn {
  /** False if another login was admitted since the turn began, or all sessions were ended. */
  take(): Promise<boolean>
}

/** Epochs that also count logins, where a limit can be had: one login of a user at a time. */
export class Turns extends Epochs {
  /** Begins a turn. Under every master of the ring, because another server may not have the newest one yet. */
  async begin(userId: string): Promise<Turn> {
    const masters = [...this.options.ring.masters].sort((a, b) => a.kid - b.kid)
    const epochs = await Promise.all(
      masters.map(async (master) => ({ master, epoch: await this.#made(master, userId) })),
    )
    return {
      take: async () => {
        for (const { master, epoch } of epochs) {
          const next = { ...epoch, sequence: epoch.sequence + 1 }
          if (!(await this.write(master, userId, next, this.options.clock() + MARGIN))) return false
        }
        return true
      },
    }
  }

  /** Made if there is none, so that there is something to compare and set. */
  async #made(master: Master, userId: string): Promise<Epoch> {
    for (;;) {
      const epoch = await this.read(master, userId)
      if (epoch.version !== null) return epoch
      await this.write(master, userId, epoch, this.options.clock() + MARGIN)
    }
  }
}
