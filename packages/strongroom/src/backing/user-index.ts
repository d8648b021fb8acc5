import { LONGEST } from '../base/duration.ts'
import type { Aead } from '../crypto/aead.ts'
import type { Keyring, LiveKeyring, Master } from '../crypto/keyring.ts'
import { ownerTag } from '../crypto/owner.ts'
import { openLabel } from '../crypto/seal.ts'
import type { Id, VerifiedToken } from '../crypto/token.ts'
import { lastSeen } from '../session/lifetime.ts'
import { type Clock, isSession, type Listing, type OwnerIndex, type Store } from '../store.ts'
import type { Ended, SessionRef, UserIndex, UserSession, UserSessionLabel } from './backing.ts'
import type { EndedUsers } from './ended-users.ts'
import type { KeyRegistry } from './key-registry.ts'
import { MARGIN } from './own-entries.ts'
import { Turns } from './turns.ts'

export interface UserIndexOptions {
  readonly store: Pick<Store, 'read' | 'create' | 'update'>
  readonly byOwner: OwnerIndex
  readonly ring: LiveKeyring
  readonly namespace: string
  readonly clock: Clock
  readonly aead: Aead
  readonly registry: KeyRegistry
  readonly ended: EndedUsers
  /** At least until then, it is remembered that all sessions of a user were ended. */
  readonly rememberedUntil: number
  readonly endOne: (id: Id) => Promise<boolean>
  readonly isLive: (ref: SessionRef) => Promise<boolean>
  /** Runs what ends the sessions of an owner, and forgets what is remembered of them. */
  readonly ending: (tag: string, write: () => Promise<number>, except?: Id) => Promise<number>
}

export const WITHOUT_INDEX =
  'it cannot find sessions by their owner. Use memory, file, sqlite, postgres, mysql, or redis that evicts nothing, or cached over one of them.'

/** A user's sessions, found in the store by their owner tag. */
export function userIndex(options: UserIndexOptions): UserIndex {
  const { byOwner, ring, namespace, clock, aead, registry, ended } = options
  // A login that began before all sessions were ended is refused for as long as it may be under way; what is adopted, while it may be.
  const rememberedUntil = (now: number) => Math.max(now + MARGIN, Math.min(options.rememberedUntil, now + LONGEST))
  const epochs = new Turns({ ...options, rememberedUntil })
  // A user's sessions may have begun under any master that is still in the ring.
  const tags = (userId: string) => ring.masters.map((master) => ownerTag(master, namespace, userId))

  /** First the epoch, then the sessions: a login that is stored after they were listed finds that it has moved. */
  async function end(userId: string, except?: Id): Promise<Ended> {
    await registry.assertComplete()
    const { before, after } = await epochs.move(userId)
    const counts = await Promise.all(
      tags(userId).map(async (tag) => {
        const others = await notSessions(tag)
        return Math.max(0, (await options.ending(tag, () => byOwner.deleteAll(tag, except), except)) - others)
      }),
    )
    // Again: a login under a secret that is missing here may have registered it since, and then it has read an epoch that is not
    // among those that were moved.
    await registry.assertComplete()
    return { count: counts.reduce((sum, count) => sum + count, 0), before, after }
  }

  /** Tombstones have an owner, too. They end with the sessions, and are not to be counted with them. */
  async function notSessions(tag: string): Promise<number> {
    let count = 0
    for await (const page of byOwner.list(tag)) count += page.filter((one) => !isSession(one)).length
    return count
  }

  return {
    async *list(userId, { page } = {}) {
      for (const tag of tags(userId))
        for await (const listings of byOwner.list(tag, { page })) {
          const sessions = listings.filter((one) => isSession(one) && clock() < one.expiresAt)
          if (sessions.length > 0) yield sessions.map((one) => userSession(one, ring, aead))
        }
    },
    assertComplete: () => registry.assertComplete('not all can be listed'),
    endOne: options.endOne,
    storesSurvivor: false,
    endAll: (userId) => end(userId),
    endOthers: async (userId, except) => ((await options.isLive(except)) ? end(userId, except.cookie.id) : null),
    endAllBut: end,
    moment: (userId) => epochs.moment(userId),
    endedSince: (moment, ref) => epochs.hasMovedSince(moment, masterOf(ref)),
    everEnded: async (userId, which) =>
      (await epochs.hasEverMoved(userId)) || (which === 'one' && (await ended.has(userId))),
    rememberEnd: (userId) => ended.addUser(userId),
    beginTurn: (userId) => epochs.begin(userId),
    advice: { list: '', endAll: '' },
  }
}

function userSession({ id, createdAt, expiresAt, label: bytes }: Listing, ring: Keyring, aead: Aead): UserSession {
  let described: UserSessionLabel | undefined
  const open = (): UserSessionLabel => {
    const label = bytes && openLabel(aead, bytes, ring, id)
    if (!label) return { label: null, lastSeenAt: null, address: null, bound: false, stamp: null }
    const { text, stamp, address = null, bound = false } = label
    return { label: text, lastSeenAt: lastSeen(expiresAt, label), address, bound, stamp }
  }
  return {
    id,
    createdAt,
    expiresAt,
    describe() {
      described ??= open()
      return described
    },
  }
}

const masterOf = ({ cookie }: SessionRef): Master => (cookie as VerifiedToken).master
