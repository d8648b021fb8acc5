import assert from 'node:assert/strict'
import { createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { isSession } from '../../packages/strongroom/src/store.ts'
import { secret } from '../core/fixtures/secret.ts'
import { sources } from '../support/planted.ts'
import { randomnessFromElsewhere, secretsCompared } from '../support/rules.ts'
import { parseAll } from '../support/source.ts'
import { prove } from './prove.ts'
import { cookieOf, headersOf, NAME, type Site, site, tokenOf, whoIs } from './site.ts'

/** The sources of the library that compute or compare what is secret. */
const CRYPTO = new Map(
  [...sources].filter(([path]) =>
    /^packages\/strongroom\/src\/(?:crypto|backing|http|session|credential)\b/.test(path),
  ),
)

/** The record of the session that was stored last. */
function record(shop: Site): { id: string; payload: Buffer; owner: string } {
  const found = shop.rows().at(-1) ?? assert.fail('no session is stored')
  return { id: found.id, payload: Buffer.from(found.payload), owner: found.owner ?? '' }
}

/** The records of the sessions in a store. */
async function stored(store: ReturnType<typeof memory>): Promise<Uint8Array[]> {
  const records: Uint8Array[] = []
  for await (const page of store.scan())
    for (const { id } of page.filter(isSession)) records.push((await store.read(id))?.entry.bytes ?? assert.fail())
  return records
}

const put = (shop: Site, id: string, payload: Uint8Array) =>
  shop.sql('UPDATE strongroom_sessions SET payload = ? WHERE id = ?', payload, id)

prove('ASVS 11.1.1', async (t) => {
  const [old, next] = [secret('old'), secret('next')]
  const shop = await site(t, { secrets: old, cipher: 'aes-256-gcm' })
  const [kid] = await shop.sessions.keys()
  const browser = await shop.signedIn()
  await shop.sessions.reloadSecrets([next, old])
  const [current, retired, ...rest] = await shop.sessions.keys()
  assert.deepEqual([retired, rest], [kid, []])
  assert.notEqual(current, kid)
  assert.deepEqual([...(await shop.sessions.keyUse()).needed.keys()].includes(kid as number), true)
  await browser.must('/logout')
  // Nothing needs it any more: it may be removed.
  assert.deepEqual([...(await shop.sessions.keyUse()).needed.keys()], [])
  await shop.sessions.reloadSecrets(next)
  assert.deepEqual(await shop.sessions.keys(), [current])
  await shop.sessions.forgetKey(kid as number)
})

prove('ASVS 11.1.2', async (t) => {
  const shop = await site(t, { cipher: 'aes-256-gcm', crypto: 'node' })
  const { seal, cipher, crypto } = shop.sessions.policy
  assert.deepEqual({ seal, cipher, crypto }, { seal: 'two-key', cipher: 'aes-256-gcm', crypto: 'node' })
  await shop.signedIn()
  const { needed, unsealed } = await shop.sessions.keyUse()
  assert.deepEqual([...needed], [[(await shop.sessions.keys())[0], 1]])
  assert.equal(unsealed, 0)
})

prove('ASVS 11.1.4', async (t) => {
  // Another cipher takes the place of the one before it, session by session, and the version byte of each record says how far that has got.
  const given = { secrets: secret('plan'), store: memory(), seal: 'two-key' } as const
  const [before, after] = [
    await site(t, { ...given, cipher: 'chacha20-poly1305' }),
    await site(t, { ...given, cipher: 'aes-256-gcm' }),
  ]
  const versions = async () => (await stored(given.store)).map(([version]) => version)
  const browser = await before.signedIn()
  const cookie = cookieOf(browser)
  assert.deepEqual(await versions(), [17])
  assert.equal(await whoIs(after, cookie), 'ada')
  await after.visitor().ask('/set?theme=dark', { cookie })
  assert.deepEqual(await versions(), [21])
  assert.equal(await whoIs(before, cookie), 'ada')
})

prove('ASVS 11.2.1', () => {
  const outside = new Set<string>()
  for (const { imports } of parseAll(CRYPTO).values())
    for (const { specifier } of imports) if (!specifier.startsWith('.')) outside.add(specifier)
  // What parses cookie headers computes nothing secret.
  const computing = [...outside].filter(
    (name) => !/^(?:cookie|node:(?:util|buffer|module|timers|async_hooks|diagnostics_channel))$/.test(name),
  )
  assert.deepEqual(computing.sort(), ['node:crypto'])
})

prove('ASVS 11.2.2', async (t) => {
  const [one, two] = [secret('one'), secret('two')]
  const shop = await site(t, { secrets: one })
  const [stays, leaves] = [await shop.signedIn(), await shop.signedIn('bob')]
  await shop.sessions.reloadSecrets([two, one])
  for (const [browser, user] of [
    [stays, '"ada"'],
    [leaves, '"bob"'],
  ] as const)
    assert.equal((await browser.must('/whoami')).text, user)
  const kidOf = () => shop.rows().map(({ payload }) => payload[1])
  const [current, retired] = await shop.sessions.keys()
  assert.deepEqual(kidOf(), [retired, retired])
  // A write encrypts again, and a login leaves the old secret for good.
  await stays.must('/set?theme=dark')
  assert.deepEqual(kidOf().sort(), [current, retired].sort())
  await stays.must('/login?user=ada')
  await shop.sessions.reloadSecrets(two)
  assert.equal((await stays.must('/whoami')).text, '"ada"')
  assert.equal((await leaves.must('/whoami')).text, 'null')
})

prove('ASVS 11.2.3', async (t) => {
  for (const weak of [
    'short',
    'x'.repeat(64),
    'abcabc'.repeat(10),
    'change-me-please-this-is-a-secret',
    randomBytes(31),
  ])
    assert.throws(() => createSessions({ store: memory(), secrets: weak }), ConfigError)
  assert.doesNotThrow(() => createSessions({ store: memory(), secrets: randomBytes(32), sweep: false }))
  const shop = await site(t)
  const cookie = Buffer.from(tokenOf(await shop.signedIn()), 'base64url')
  // 128 bits of which session, and 256 of the right to use it.
  assert.equal(cookie.length, 6 + 16 + 32 + 12)
  assert.ok(['chacha20-poly1305', 'aes-256-gcm'].includes(shop.sessions.policy.cipher))
})

prove('ASVS 11.2.4', () => {
  assert.deepEqual(secretsCompared(sources), [])
  const planted = new Map([['packages/strongroom/src/crypto/x.ts', 'if (tag === expected) open()']])
  assert.equal(secretsCompared(planted).length, 1)
})

prove('ASVS 11.2.5', async (t) => {
  const shop = await site(t)
  const browser = await shop.signedIn()
  const cookie = cookieOf(browser)
  const { id, payload } = record(shop)
  const other = await shop.signedIn('bob')
  const moved = record(shop)
  const flipped = Buffer.from(payload)
  flipped[60] = (flipped[60] as number) ^ 1
  const unknownKey = Buffer.from(payload)
  unknownKey[1] = (unknownKey[1] as number) ^ 0xff
  const seen = new Set<string>()
  const look = async (cookie: string) => {
    const page = await shop.visitor().ask('/whoami', { cookie })
    seen.add(JSON.stringify([page.status, page.text, headersOf(page), page.all('set-cookie')]))
  }
  for (const bad of [
    flipped,
    unknownKey,
    payload.subarray(0, -1),
    payload.subarray(0, 20),
    Buffer.alloc(0),
    moved.payload,
    randomBytes(payload.length),
  ]) {
    put(shop, id, bad)
    await look(cookie)
  }
  shop.sql('DELETE FROM strongroom_sessions WHERE id = ?', id)
  await look(cookie)
  await look(`${NAME}=${'A'.repeat(88)}`)
  await look(`${NAME}=nonsense`)
  assert.deepEqual([...seen].length, 1, [...seen].join('\n'))
  assert.equal((await other.must('/whoami')).text, '"bob"')
})

prove('ASVS 11.3.1', () => {
  for (const cipher of ['aes-256-ecb', 'aes-256-cbc', 'aes-128-ctr', 'des-ede3', 'none'])
    assert.throws(
      () => createSessions({ store: memory(), secrets: randomBytes(32), cipher: cipher as never }),
      ConfigError,
    )
  for (const [path, { code }] of parseAll(CRYPTO))
    assert.doesNotMatch(code, /-(?:ecb|cbc|cfb|ofb|ctr)\b|RSA_PKCS1_PADDING|publicEncrypt|privateDecrypt/i, path)
})

prove('ASVS 11.3.2', async (t) => {
  // With the secret, the cookie and the row, AES-256-GCM of node:crypto opens what is stored.
  const secrets = secret('opened by hand')
  const shop = await site(t, { secrets, cipher: 'aes-256-gcm' })
  const browser = await shop.signedIn()
  await browser.must('/set?theme=dark')
  const { id, payload, owner } = record(shop)
  const token = Buffer.from(tokenOf(browser), 'base64url').subarray(22, 54)
  const sealKey = Buffer.from(hkdfSync('sha256', secrets, 'strongroom', 'strongroom 1 seal', 32))
  const context = Buffer.from(id + owner)
  const derived = createHmac('sha512', sealKey)
    .update(Buffer.from([0, 0, 0, 1]))
    .update(token)
    .update('strongroom record aes-256-gcm')
    .update(context)
    .update(payload.subarray(12, 36))
    .digest()
  const decipher = createDecipheriv('aes-256-gcm', derived.subarray(0, 32), derived.subarray(32, 44), {
    authTagLength: 16,
  })
  decipher.setAAD(Buffer.concat([payload.subarray(0, 12), context]))
  decipher.setAuthTag(payload.subarray(-16))
  const text = decipher.update(payload.subarray(52, -16), undefined, 'utf8') + decipher.final('utf8')
  assert.equal(text.split('\n')[1], '{"theme":"dark"}')
})

prove('ASVS 11.3.3', async (t) => {
  for (const cipher of ['chacha20-poly1305', 'aes-256-gcm'] as const) {
    const shop = await site(t, { cipher, memo: false })
    const browser = await shop.signedIn()
    const cookie = cookieOf(browser)
    const { id, payload, owner } = record(shop)
    for (const [at, byte] of payload.entries()) {
      const altered = Buffer.from(payload)
      altered[at] = byte ^ (1 << (at & 7))
      put(shop, id, altered)
      assert.equal(await whoIs(shop, cookie), null, `${cipher}: byte ${at}`)
    }
    put(shop, id, payload)
    // Filed under another user, or moved to another session.
    const other = await shop.signedIn('bob')
    const bob = record(shop)
    shop.sql('UPDATE strongroom_sessions SET owner = ? WHERE id = ?', bob.owner, id)
    assert.equal(await whoIs(shop, cookie), null)
    shop.sql('UPDATE strongroom_sessions SET owner = ? WHERE id = ?', owner, id)
    put(shop, bob.id, payload)
    assert.equal(await whoIs(shop, cookieOf(other)), null)
    assert.equal(await whoIs(shop, cookie), 'ada')
  }
})

prove('ASVS 11.3.4', async () => {
  const store = memory()
  const sessions = createSessions({ store, secrets: randomBytes(32), seal: 'two-key', sweep: false })
  const visit = sessions.open({})
  const session = await visit.get()
  const salts = new Set<string>()
  // The same session with the same length, again and again: the salt decides over key and nonce.
  for (let i = 0; i < 3000; i++) {
    session.set('n', i % 2)
    await visit.save()
    for (const bytes of await stored(store)) salts.add(Buffer.from(bytes.subarray(12, 36)).toString('hex'))
  }
  assert.equal(salts.size, 3000)
  await store.close()
})

prove('ASVS 11.4.1', () => {
  const used = new Map<string, Set<string>>()
  for (const [path, text] of sources)
    for (const [, name = ''] of text.matchAll(/\b(?:createHash|createHmac|hkdfSync|pbkdf2\w*|hash)\(\s*'([\w-]+)'/g))
      if (path.startsWith('packages/strongroom/src/')) used.set(name, (used.get(name) ?? new Set()).add(path))
  assert.deepEqual([...used.keys()].sort(), ['sha1', 'sha256', 'sha512'])
  // Redis itself names scripts by their SHA-1, and a lock of MySQL has a name of few characters: neither protects anything.
  assert.deepEqual([...(used.get('sha1') ?? [])].sort(), [
    'packages/strongroom/src/engines/mysql/store.ts',
    'packages/strongroom/src/engines/redis/scripts.ts',
  ])
})

prove('ASVS 11.5.1', async (t) => {
  assert.deepEqual(randomnessFromElsewhere(sources), [])
  for (const [path, { bare }] of parseAll(CRYPTO)) assert.doesNotMatch(bare, /\brandomUUID\b/, path)
  // Nothing of a cookie but the version, the key id and the count of renewals is the same twice.
  const shop = await site(t)
  const [one, two] = [await shop.signedIn(), await shop.signedIn()].map((browser) =>
    Buffer.from(tokenOf(browser), 'base64url'),
  )
  assert.deepEqual(one?.subarray(0, 6), two?.subarray(0, 6))
  for (const [from, to] of [
    [6, 22],
    [22, 54],
    [54, 66],
  ])
    assert.notDeepEqual(one?.subarray(from, to), two?.subarray(from, to))
})

prove('ASVS 11.5.2', async () => {
  const sessions = createSessions({ store: memory(), secrets: randomBytes(32), sweep: false })
  const values = await Promise.all(
    Array.from({ length: 5000 }, async () => {
      const visit = sessions.open({})
      ;(await visit.get()).set('n', 1)
      return (await visit.commit()).setCookie?.split(';')[0] ?? assert.fail()
    }),
  )
  // Neither the token nor the name of the session is there twice.
  for (const [from, to] of [
    [6, 22],
    [22, 54],
  ])
    assert.equal(
      new Set(values.map((value) => Buffer.from(value.slice(NAME.length + 1), 'base64url').toString('hex', from, to)))
        .size,
      5000,
    )
  await sessions.close()
})

prove('ASVS 11.7.2', async (t) => {
  const shop = await site(t)
  const browser = await shop.signedIn()
  const calls: string[] = []
  const observation = shop.sessions.observe({ event: () => {}, call: (method) => void calls.push(method) })
  await browser.must('/asset')
  await shop.visitor().must('/whoami')
  await shop.visitor().ask('/whoami', { cookie: `${NAME}=${'A'.repeat(88)}` })
  assert.deepEqual(calls, [], 'nothing is read that is not needed')
  await browser.must('/whoami')
  assert.ok(calls.length > 0)
  observation.stop()
  assert.doesNotMatch(inspect(shop.sessions, { depth: 10, showHidden: true }), new RegExp(tokenOf(browser)))
})

prove('ASVS 13.1.4', async (t) => {
  const before = process.env.NODE_ENV
  process.env.NODE_ENV = 'production'
  try {
    assert.throws(() => createSessions({ store: memory() }), /secrets/)
  } finally {
    if (before === undefined) delete process.env.NODE_ENV
    else process.env.NODE_ENV = before
  }
  // One list of secrets is all there is, and each has a name that may be written down.
  const shop = await site(t, { secrets: [secret('a'), secret('b')] })
  const keys = await shop.sessions.keys()
  assert.equal(keys.length, 2)
  for (const kid of keys) assert.ok(Number.isInteger(kid) && kid >= 0 && kid <= 255)
  assert.deepEqual(shop.sessions.policy.developmentDefaults, [])
})

prove('ASVS 13.3.1', async (t) => {
  const inVault = secret('in the vault')
  let asked = 0
  const shop = await site(t, {
    secrets: async () => {
      asked++
      return inVault
    },
  })
  const browser = await shop.signedIn()
  assert.equal((await browser.must('/whoami')).text, '"ada"')
  assert.equal(asked, 1)
  assert.doesNotMatch(
    inspect(shop.sessions, { depth: 10, showHidden: true }) + JSON.stringify(shop.events),
    new RegExp(inVault),
  )
  // A vault that does not answer lets nobody in, and signs nobody out.
  const closed = await site(t, { secrets: () => Promise.reject(new Error('sealed')) })
  const page = await closed.visitor().ask('/whoami', { cookie: cookieOf(browser) })
  assert.deepEqual([page.status, page.all('set-cookie')], [503, []])
})

prove('ASVS 13.3.4', async (t) => {
  let current: string[] = [secret('january')]
  const shop = await site(t, { secrets: () => current })
  const browser = await shop.signedIn()
  for (const month of ['february', 'march']) {
    current = [secret(month), ...current].slice(0, 2)
    await shop.sessions.reloadSecrets()
    assert.equal((await browser.must('/whoami')).text, month === 'february' ? '"ada"' : 'null')
    if (month === 'february') assert.equal((await shop.sessions.keys()).length, 2)
  }
  // A user who has signed in meanwhile is under a secret that is still there.
  const later = await shop.signedIn()
  current = [secret('april'), ...current].slice(0, 2)
  await shop.sessions.reloadSecrets()
  assert.equal((await later.must('/whoami')).text, '"ada"')
})
