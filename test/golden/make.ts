/**
 * Makes golden cookies and records of the current format: `node test/golden/make.ts > test/golden/format-N.json`, once for
 * each format that is released, and never again: what is in such a file must open for ever.
 */
import { createHash } from 'node:crypto'
import { cookieCodec } from '../../packages/strongroom/src/crypto/cookie-seal.ts'
import { createKeyring, ownerTag } from '../../packages/strongroom/src/crypto/keyring.ts'
import { createSeal, sealLabel } from '../../packages/strongroom/src/crypto/seal.ts'
import { handleOf, mint } from '../../packages/strongroom/src/crypto/token.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import type { Store } from '../../packages/strongroom/src/store.ts'
import { visitor } from '../core/kit/visitor.ts'
import { CLOCK, DATA, type Golden, LOGIN, NAME, PAYLOADS, USERS } from './golden.ts'

const secrets = ['golden 1', 'golden 2'].map((name) => createHash('sha512').update(name).digest('base64url'))
const rings = secrets.map((secret) => createKeyring(secret))

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** A signed-in session as its store holds it, with the cookie that opens it. */
async function restingUnder(seal: 'two-key' | 'server-key' | 'none') {
  const store = memory({ max: 10, clock: () => CLOCK })
  const sessions = createSessions({ secrets, store, seal, clock: () => CLOCK })
  const guest = visitor(sessions)
  await guest.visit((session) => {
    for (const [key, value] of Object.entries(DATA)) session.set(key, value)
    session.login(USERS[0], LOGIN)
  })
  for await (const [listing] of store.scan()) {
    if (!listing) continue
    const { entry } = (await store.read(listing.id)) ?? {}
    if (!entry) break
    const { expiresAt, createdAt, owner } = entry
    const label = entry.label && hex(entry.label)
    return {
      seal,
      cookie: guest.cookie ?? '',
      id: listing.id,
      bytes: hex(entry.bytes),
      expiresAt,
      createdAt,
      owner,
      label,
    }
  }
  throw new Error('nothing rests there')
}

async function travelling(protection: 'sealed' | 'signed', revocations?: Store) {
  const sessions = createSessions({
    secrets,
    store: cookie({ protection, revocations }),
    clock: () => CLOCK,
    cookie: { name: NAME },
  })
  const guest = visitor(sessions)
  await guest.visit((session) => {
    for (const [key, value] of Object.entries(DATA)) session.set(key, value)
    session.login(USERS[0], LOGIN)
  })
  return { sessions, guest, protection, cookie: guest.cookie ?? '' }
}

/** A cookie that was ended, by itself or with all of its user, and the mark that says so. */
async function ended(how: 'logout' | 'revoke-all') {
  const marks = memory({ max: 10, clock: () => CLOCK })
  const { guest, cookie, sessions } = await travelling('sealed', marks)
  if (how === 'logout') await guest.visit((session) => session.logout())
  else await (sessions as unknown as { of(id: string): { revokeAll(): Promise<null> } }).of(USERS[0]).revokeAll()
  const kept: Golden['ended'][number]['marks'][number][] = []
  for await (const page of marks.scan())
    for (const { id, expiresAt } of page) {
      const found = await marks.read(id)
      kept.push({ id, bytes: hex(found?.entry.bytes ?? new Uint8Array()), expiresAt })
    }
  return { how, cookie, marks: kept }
}

const golden: Golden = {
  secrets,
  masters: rings.map(({ current: { kid, token, seal, owner, label, cookie } }) => ({
    kid,
    keys: [token, seal, owner, label, cookie].map((key) => key.export().toString('hex')),
  })),
  tokens: rings.flatMap((ring) =>
    [1, 2].map(() => {
      const { token, id, text } = mint(ring)
      return { token: hex(token), id, cookie: text, handle: handleOf(id) }
    }),
  ),
  owners: rings.flatMap((ring, secret) =>
    USERS.map((userId) => ({ secret, userId, tag: ownerTag(ring.current, userId) })),
  ),
  records: rings.flatMap((ring) =>
    (['two-key', 'server-key'] as const).flatMap((seal) =>
      PAYLOADS.flatMap((payload) =>
        [null, ownerTag(ring.current, USERS[0])].map((owner) => {
          const claim = mint(ring)
          return {
            seal,
            cookie: claim.text,
            owner,
            payload,
            bytes: hex(createSeal(seal, ring).seal(payload, claim, owner)),
          }
        }),
      ),
    ),
  ),
  labels: rings.flatMap((ring) =>
    ['Firefox on Linux', null].map((text) => {
      const { id } = mint(ring)
      const label = { text, idle: 1_800_000, deadline: CLOCK }
      return { id, label, bytes: hex(sealLabel(label, ring.current, id)) }
    }),
  ),
  cookies: rings.flatMap((ring) =>
    (['sealed', 'signed'] as const).flatMap((protection) =>
      PAYLOADS.map((payload) => ({ protection, payload, text: cookieCodec(protection, ring, NAME).encode(payload) })),
    ),
  ),
  resting: await Promise.all([restingUnder('two-key'), restingUnder('server-key'), restingUnder('none')]),
  travelling: await Promise.all(
    (['sealed', 'signed'] as const).map(async (protection) => ({
      protection,
      cookie: (await travelling(protection)).cookie,
    })),
  ),
  ended: await Promise.all([ended('logout'), ended('revoke-all')]),
}
process.stdout.write(`${JSON.stringify(golden, null, 2)}\n`)
