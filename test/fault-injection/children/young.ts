import { setImmediate as turn } from 'node:timers/promises'
import { storeFromUrl } from '../../../packages/strongroom/src/engines/url.ts'
import { visitor } from '../../core/fixtures/visitor.ts'
import { type Anything, sessionsOn } from '../fixtures/site.ts'

export interface Acts {
  /** The store as a URL, with the options that nobody has set. */
  readonly store: string
  /** The first things that this process does: a logout with a cookie, or the end of all sessions of a user. */
  readonly acts: readonly { readonly how: 'logout' | 'revokeAll'; readonly user: string; readonly cookie: string }[]
}

export interface Done {
  /** How long each took, in ms. */
  readonly times: readonly number[]
  /** The messages of those that failed. */
  readonly failed: readonly string[]
  /** The codes of what the process has warned of. */
  readonly warnings: readonly string[]
}

/** A server that has just started. The message "go" starts it, and it sends what came of it. */
const { store, acts } = JSON.parse(process.argv[2] ?? '') as Acts
const warnings: string[] = []
process.on('warning', (warning) => warnings.push((warning as { code?: string }).code ?? warning.message))
// A busy machine is not an outage of the durable store.
const sessions = sessionsOn(storeFromUrl(store), { sweep: false, storeTimeout: '10s' })

process.once('message', async () => {
  const [times, failed]: [number[], string[]] = [[], []]
  for (const { how, user, cookie } of acts) {
    const began = performance.now()
    try {
      if (how === 'revokeAll') await sessions.of(user).revokeAll()
      else await visitor<Anything>(sessions, undefined, cookie).visit((session) => session.logout())
    } catch (error) {
      failed.push(String(error))
    }
    times.push(performance.now() - began)
  }
  // A warning comes in the next turn.
  await turn()
  process.send?.({ times, failed, warnings } satisfies Done)
})
// The test that started it is gone.
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
