/**
 * Creates golden cookies and records in the current format: `node test/golden/make.ts > test/golden/format-N.json`. Run once for
 * each released format, and never again, because the contents of such a file must open for ever.
 */
import { createHash } from 'node:crypto'
import { CIPHERS, createAead } from '../../packages/strongroom/src/crypto/aead.ts'
import { cookieCodec } from '../../packages/strongroom/src/crypto/cookie-seal.ts'
import { createKeyring } from '../../packages/strongroom/src/crypto/keyring.ts'
import { ownerTag } from '../../packages/strongroom/src/crypto/owner.ts'
import { primitivesFor } from '../../packages/strongroom/src/crypto/provider.ts'
import { createSeal, sealLabel } from '../../packages/strongroom/src/crypto/seal.ts'
import {
  computedToken,
  handleOf,
  newToken,
  renewedToken,
  type VerifiedToken,
} from '../../packages/strongroom/src/crypto/token.ts'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { isSession, type Store } from '../../packages/strongroom/src/store.ts'
import { visitor } from '../core/fixtures/visitor.ts'
import { CLOCK, DATA, type Golden, LOGIN, NAME, NAMESPACES, PAYLOADS, RENEWED_AT, USERS } from './golden.ts'

const secrets = ['golden 1', 'golden 2'].map((name) => createHash('sha512').update(name).digest('base64url'))
const rings = secrets.map((secret) => createKeyring(secret))

const aeads = CIPHERS.map((cipher) => createAead(primitivesFor('node'), cipher))

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** A logged-in session as it is stored, with the cookie that opens it. */
async function storedUnder(seal: 'two-key' | 'server-key' | 'none', cipher: (typeof CIPHERS)[number]) {
  const store = memory({ max: 10, clock: () => CLOCK })
  const sessions = createSessions({ secrets, store, seal, cipher, clock: () => CLOCK })
  const guest = visitor(sessions)
  await guest.visit((session) => {
    for (const [key, value] of Object.entries(DATA)) session.set(key, value)
    session.login(USERS[0], LOGIN)
  })
  await guest.visit((session) => session.renew())
  for await (const page of store.scan()) {
    const listing = page.find(isSession)
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
  throw new Error('the store is empty')
}

async function inCookie(protection: 'sealed' | 'signed', cipher?: (typeof CIPHERS)[number], revocations?: Store) {
  const sessions = createSessions({
    secrets,
    cipher,
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

/** A cookie that ended alone, was superseded, or ended with all sessions of its user, and the revocations in the store. */
async function ended(how: Golden['ended'][number]['how']) {
  const revocations = memory({ clock: () => CLOCK })
  const { guest, cookie, sessions } = await inCookie('sealed', undefined, revocations)
  if (how === 'logout') await guest.visit((session) => session.logout())
  else if (how === 'renewal') await guest.visit((session) => session.renew())
  else await (sessions as unknown as { of(id: string): { revokeAll(): Promise<null> } }).of(USERS[0]).revokeAll()
  const marks: Golden['ended'][number]['marks'][number][] = []
  for await (const page of revocations.scan())
    for (const { id, expiresAt } of page) {
      const { bytes, label } = (await revocations.read(id))?.entry ?? { bytes: new Uint8Array(), label: null }
      marks.push({ id, bytes: hex(bytes), label: label && hex(label), expiresAt })
    }
  return { how, cookie, marks }
}

const plain = (namespace: string, { sid, token, generation, id, text }: VerifiedToken) => ({
  namespace,
  sid: hex(sid),
  token: hex(token),
  generation,
  id,
  cookie: text,
  handle: handleOf(id),
})

const golden: Golden = {
  secrets,
  masters: rings.map(({ current: { kid, ...keys } }) => ({
    kid,
    keys: Object.fromEntries(Object.entries(keys).map(([use, key]) => [use, hex(key.export())])),
  })),
  tokens: rings.flatMap((ring, secret) =>
    NAMESPACES.flatMap((namespace) => {
      const first = newToken(ring, namespace)
      const what = ['django', 'session', 'Zoë 🔑']
      return [
        plain(namespace, first),
        plain(namespace, renewedToken(first, namespace)),
        plain(namespace, renewedToken({ ...first, generation: 0x0102_0303 }, namespace)),
        { ...plain(namespace, computedToken(ring.current, namespace, what)), computed: { secret, what } },
      ]
    }),
  ),
  owners: rings.flatMap((ring, secret) =>
    NAMESPACES.flatMap((namespace) =>
      USERS.map((userId) => ({ secret, namespace, userId, tag: ownerTag(ring.current, namespace, userId) })),
    ),
  ),
  records: rings.flatMap((ring) =>
    (['two-key', 'server-key', 'none'] as const).flatMap((seal) =>
      PAYLOADS.flatMap((payload) =>
        [null, ownerTag(ring.current, NAME, USERS[0])].flatMap((owner) =>
          aeads.map((aead) => {
            const before = newToken(ring, NAME)
            const token = renewedToken(before, NAME)
            const bytes = hex(createSeal(seal, ring, aead).seal(payload, token, owner, RENEWED_AT))
            const bornUnder = token.master.kid
            const cookies = { cookie: token.text, superseded: before.text }
            return { seal, cipher: aead.cipher, ...cookies, owner, payload, renewedAt: RENEWED_AT, bornUnder, bytes }
          }),
        ),
      ),
    ),
  ),
  labels: rings.flatMap((ring) =>
    ['Firefox on Linux', null].flatMap((text) =>
      aeads.map((aead) => {
        const { id } = newToken(ring, NAME)
        const stamp = text === null ? {} : { stamp: 'A'.repeat(23) }
        const label = { text, idle: 1_800_000, deadline: CLOCK, ...stamp }
        return { id, cipher: aead.cipher, label, bytes: hex(sealLabel(aead, label, ring.current, id)) }
      }),
    ),
  ),
  cookies: rings.flatMap((ring) =>
    (['sealed', 'signed'] as const).flatMap((protection) =>
      PAYLOADS.flatMap((payload) =>
        aeads.map((aead) => {
          const text = cookieCodec(protection, ring, NAME, aead).encode(payload)
          return { protection, cipher: aead.cipher, payload, text }
        }),
      ),
    ),
  ),
  resting: await Promise.all(
    CIPHERS.flatMap((cipher) => (['two-key', 'server-key', 'none'] as const).map((seal) => storedUnder(seal, cipher))),
  ),
  travelling: await Promise.all(
    ([...CIPHERS.map((cipher) => ['sealed', cipher] as const), ['signed', undefined]] as const).map(
      async ([protection, cipher]) => ({ protection, cookie: (await inCookie(protection, cipher)).cookie }),
    ),
  ),
  ended: await Promise.all([ended('logout'), ended('renewal'), ended('revoke-all')]),
}
process.stdout.write(`${JSON.stringify(golden, null, 2)}\n`)
