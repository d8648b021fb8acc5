import type { AdoptionSource, SourceSession } from '../../../packages/strongroom/src/adoption/source.ts'
import type { Gates } from './gates.ts'

const DAY = 24 * 60 * 60_000
export const SOURCE_COOKIE = 'old'

/** The sessions of another framework in one schedule. There is one, of the user `u`. */
export interface Source {
  readonly key: string
  read(key: string): Promise<SourceSession | null>
  end(key: string): Promise<unknown>
}

/** Each of its operations is a step. */
export function sourceWith(gates: Gates, key: string, session: SourceSession): Source {
  const live = new Map([[key, session]])
  const on = `source ${key}`
  return {
    key,
    read: (wanted) =>
      gates.hold(
        'source read',
        on,
        () => ({ reads: [on], writes: [] }),
        async () => live.get(wanted) ?? null,
      ),
    end: (wanted) =>
      gates.hold(
        'source end',
        on,
        () => ({ reads: [], writes: [on] }),
        async () => live.delete(wanted),
      ),
  }
}

/** As a server knows it, which stays from one schedule to the next. */
export const adoptionFrom = (now: number, source: () => Source): AdoptionSource => ({
  name: 'another framework',
  until: new Date(now + 365 * DAY),
  keyIn: (cookies) => new RegExp(`(?:^|; )${SOURCE_COOKIE}=([^;]+)`).exec(cookies)?.[1] ?? null,
  clear: `${SOURCE_COOKIE}=; Max-Age=0`,
  read: (key) => source().read(key),
  end: (key) => source().end(key),
})

export const sourceSession = (userId: string, now: number): SourceSession => ({
  userId,
  values: { 'began as': 'F' },
  expiresAt: now + 30 * DAY,
})
