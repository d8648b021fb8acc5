/**
 * Creates golden records with a pointer from the previous token: `node test/golden/make-forward.ts > test/golden/forward-N.json`. As with
 * make.ts, run once for each released format, and never again.
 */
import { createHash } from 'node:crypto'
import { CIPHERS } from '../../packages/strongroom/src/crypto/aead.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { isSession } from '../../packages/strongroom/src/store.ts'
import { visitor } from '../core/fixtures/visitor.ts'
import { EVERY, type GoldenForward } from './forward.ts'
import { CLOCK, DATA, LOGIN, USERS } from './golden.ts'

const secrets = ['golden 1', 'golden 2'].map((name) => createHash('sha512').update(name).digest('base64url'))
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

type Record = GoldenForward['records'][number]

async function renewed(seal: Record['seal'], cipher: (typeof CIPHERS)[number], isSeen: boolean): Promise<Record> {
  let now = CLOCK
  const clock = () => now
  const store = memory({ max: 10, clock })
  const sessions = createSessions({ secrets, store, seal, cipher, clock, renewEvery: EVERY })
  const guest = visitor(sessions)
  await guest.visit((session) => {
    for (const [key, value] of Object.entries(DATA)) session.set(key, value)
    session.login(USERS[0], LOGIN)
  })
  const previous = guest.cookie ?? ''
  now += EVERY
  await guest.visit(() => undefined)
  const cookie = guest.cookie ?? ''
  now += 1000
  await new Promise(setImmediate)
  if (isSeen) await guest.visit(() => undefined)
  for await (const page of store.scan()) {
    const listing = page.find(isSession)
    const { entry } = (listing && (await store.read(listing.id))) ?? {}
    if (!listing || !entry) continue
    const { expiresAt, createdAt, owner } = entry
    const label = entry.label && hex(entry.label)
    return {
      seal,
      cipher,
      isSeen,
      previous,
      cookie,
      id: listing.id,
      bytes: hex(entry.bytes),
      expiresAt,
      createdAt,
      owner,
      label,
    }
  }
  throw new Error('the store is empty')
}

const kinds = CIPHERS.flatMap((cipher) =>
  (['two-key', 'server-key', 'none'] as const).flatMap((seal) =>
    [false, true].map((isSeen) => [seal, cipher, isSeen] as const),
  ),
)
const golden: GoldenForward = { secrets, records: await Promise.all(kinds.map((kind) => renewed(...kind))) }
process.stdout.write(`${JSON.stringify(golden, null, 2)}\n`)
