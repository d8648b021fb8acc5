import { randomBytes } from 'node:crypto'
import type { LoginOptions } from 'strongroom'
import { createKeyring } from 'strongroom/internal'
import { type Attack, type Finding, NotRun } from '../attack.ts'
import { broken, held, notApplicable, seen } from '../finding.ts'
import type { Site } from '../site.ts'
import { inProcess, isUnsupported, signInTo } from './in-process.ts'
import { onTheServer } from './promises.ts'

const LIMIT = 3

/** Other libraries lack what is attacked. Ours has it, and then it was not attacked. */
function unreachable({ row }: Site, reason: string): Finding {
  if (row.family !== 'strongroom') return notApplicable(reason)
  throw new NotRun('It needs a store of its own, which --config does not open.')
}

export const sessionLimit: Attack = {
  name: 'session-limit',
  title: 'A thief’s sessions against the owner’s limit',
  property: 'final',
  attacker: 'a thief who knows the password until it is changed',
  how: `Users may have ${LIMIT} sessions, and a further login is refused. A thief opens ${LIMIT}; the owner changes the password, which ends them, and signs in. Held: the limit counts while the password is the old one, and afterwards the owner is let in: what is over counts for nothing.`,
  docs: 'docs/login.md',
  harmless: true,
  violent: false,
  // memcached finds no sessions by their user, and has no limit.
  promised: (row) => onTheServer(row) && row.traits?.evicts === false,
  async run(site) {
    const without = 'This library has no limit for the sessions of a user, or none that could be attacked from here.'
    if (!site.sessionsOptions) return unreachable(site, without)
    return lockOut(site)
  },
}

async function lockOut(site: Site) {
  const process = await inProcess(site)
  try {
    let password = 'known to the thief'
    const user = `ada-${randomBytes(6).toString('hex')}`
    const sessions = process.sessions((store) => store, { credential: () => password })
    const login = (options: LoginOptions) => signInTo(sessions, user, options)
    const refusal = (error: unknown) => {
      if (error instanceof Error && error.name === 'SessionLimitError') return error.name
      throw error
    }
    for (let count = 0; count < LIMIT; count++) await login({ limit: LIMIT, atLimit: 'refuse' })
    const before = await login({ limit: LIMIT, atLimit: 'refuse' }).then(() => 'let in', refusal)
    password = 'known to the owner alone'
    const owner = await login({ limit: LIMIT, atLimit: 'refuse' }).then(() => 'let in', refusal)
    const listed = (await sessions.of(user).list()).length
    await sessions.of(user).revokeAll()
    const evidence = [
      seen(`a login beyond ${LIMIT} sessions, before the password was changed`, before),
      seen('the owner’s login after it', owner),
      seen('sessions in the owner’s list', listed),
    ]
    if (before === 'let in') return broken('The limit does not count.', evidence)
    return owner === 'let in'
      ? held('Sessions that are over count for nothing.', evidence)
      : broken('A thief’s dead sessions keep the owner out.', evidence)
  } catch (error) {
    if (isUnsupported(error)) return notApplicable('This engine cannot limit the sessions of a user.')
    throw error
  } finally {
    await process.close()
  }
}

export const unmetSecret: Attack = {
  name: 'unmet-secret',
  title: 'A server that has not met the new secret',
  property: 'final',
  attacker: 'a thief with a copied cookie, during a rotation of secrets',
  how: 'One server has a new secret, and a session begins under it. Another server has only the old one and is asked to end all sessions of the user. Held: it ends that session too, or says that it cannot.',
  docs: 'docs/security.md#rotating-secrets',
  harmless: true,
  violent: false,
  promised: (row) => row.family === 'strongroom' && row.traits?.revocable === true,
  async run(site) {
    if (!site.sessionsOptions) return unreachable(site, 'Only our own rows have several secrets in the lab.')
    return revokeWithout(site)
  },
}

async function revokeWithout(site: Site) {
  if (site.secrets.length === 0) throw new NotRun('The secrets of this application are not known to the lab.')
  const process = await inProcess(site)
  try {
    const user = `ada-${randomBytes(6).toString('hex')}`
    // A namespace of its own: the key that nobody has afterwards must not stand in the way of others.
    const namespace = `lab-${randomBytes(6).toString('hex')}`
    const own = (secrets: readonly string[]) => process.sessions((store) => store, { secrets, namespace })
    const newer = own([secretBeside(site.secrets), ...site.secrets])
    const older = own(site.secrets)
    const cookie = await signInTo(newer, user)
    if ((await newer.read({ cookie })).userId !== user)
      throw new Error('The store does not know a user who has just signed in, so no end shows anything.')
    const told = await older
      .of(user)
      .revokeAll()
      .then(
        () => 'all ended',
        (error: unknown) => (isUnsupported(error) ? Promise.reject(error) : (error as Error).name),
      )
    const { userId } = await newer.read({ cookie })
    await newer.of(user).revokeAll()
    const evidence = [
      seen('what the server without the secret says', told),
      seen('the session under the new secret', userId === user ? 'is alive' : 'is over'),
    ]
    return told === 'all ended' && userId === user
      ? broken('A server says that all sessions are over, and one is not.', evidence)
      : held('No server says that sessions are over which it cannot see.', evidence)
  } catch (error) {
    if (isUnsupported(error)) return notApplicable('This engine cannot end all sessions of a user.')
    throw error
  } finally {
    await process.close()
  }
}

/** Its key id is one byte, and must not be that of another. */
function secretBeside(secrets: readonly string[]): string {
  const taken = new Set(createKeyring(secrets).masters.map(({ kid }) => kid))
  for (;;) {
    const secret = randomBytes(32).toString('base64url')
    if (!taken.has(createKeyring(secret).current.kid)) return secret
  }
}
