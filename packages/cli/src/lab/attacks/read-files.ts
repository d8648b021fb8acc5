import type { Attack, AttackContext, PromisedRow } from '../attack.ts'
import { broken, held, notApplicable, seen } from '../finding.ts'
import { attackBy, type People } from '../people.ts'
import { search } from '../search.ts'
import type { StoredFile, StoredRow } from '../site.ts'
import { bytesOf, isIn, signInWith, theftEvidence } from './loot.ts'

const sealed = ({ family, seal }: PromisedRow) => family === 'strongroom' && seal !== 'none'

/** Read the files of the database where they are. */
export const readFiles: Attack = attackBy(
  {
    name: 'read-the-files',
    title: "Read the database's files",
    property: 'private on the server',
    attacker: "anyone who reads the server's disk",
    how: 'A visitor signs in and writes a note. The thief takes every file of the store as it is on the disk, searches it for the note in the usual encodings and compressions, one inside the other where a file or a row is small, and sends every id found there as a cookie. Held if the note is not found, and nothing signs in.',
    docs: 'docs/security.md#who-learns-what',
    harmless: false,
    violent: false,
    promised: sealed,
  },
  (people, context) => steal(people, context, { take: ({ site }) => site.storage.files(), what: 'files' }),
)

/** Read a backup, made with the usual tool. */
export const readBackup: Attack = attackBy(
  {
    name: 'read-a-backup',
    title: 'Read a backup',
    property: 'private on the server',
    attacker: 'anyone who finds a backup',
    how: 'A visitor signs in and writes a note. The store is backed up with the tool that its users use. The thief searches the backup for the note, and sends every id found there as a cookie. Held if the note is not found, and nothing signs in.',
    docs: 'docs/security.md#who-learns-what',
    harmless: false,
    violent: false,
    promised: sealed,
  },
  (people, context) => steal(people, context, { take: backupOf, what: 'backup' }),
)

/** Read a backup, with what the server knows. */
export const readBackupAndSecrets: Attack = attackBy(
  {
    name: 'read-a-backup-and-the-secrets',
    title: "Read a backup and the server's secrets",
    property: 'private on the server',
    attacker: "anyone who finds a backup of the whole server, with the application's environment",
    how: "A visitor signs in and writes a note. The thief has a backup of the store and the application's secrets, opens what can be opened with them, searches it for the note, and tries every cookie that can be made of all that. Held if the note is not found, and nothing signs in.",
    docs: 'docs/security.md#who-learns-what',
    harmless: false,
    violent: false,
    // A cookie engine has nothing but its secrets, and the documents say so.
    promised: ({ family, seal }) => family === 'strongroom' && seal === 'two-key',
  },
  (people, context) => steal(people, context, { take: backupOf, what: 'backup', withSecrets: true }),
)

interface Theft {
  take(people: People): Promise<readonly StoredFile[] | null>
  readonly what: string
  readonly withSecrets?: boolean
}

const backupOf = (people: People) => people.site.storage.backup()

async function steal(people: People, { signal }: AttackContext, { take, what, withSecrets = false }: Theft) {
  const { site } = people
  const before = new Set(((await site.storage.rows?.list()) ?? []).map(({ key }) => key))
  await people.signedIn(people.user('ada'))
  const own = ((await site.storage.rows?.list()) ?? []).filter(({ key }) => !before.has(key))
  const taken = await take(people)
  // Where the server stores nothing, its secrets may still be worth something.
  if (taken === null && !withSecrets)
    return notApplicable(`The server has no ${what === 'files' ? 'files of sessions' : what} to read.`)
  const files = taken ?? []
  // What was backed up too early, or elsewhere, tells nothing of anybody.
  if (taken !== null && (bytesOf(files) === 0 || (own.length > 0 && !own.some((row) => isIn(files, row)))))
    throw new Error(`Nothing of the visitor's session is in the ${what}, so nothing could be read there.`)
  const rows = taken === null ? [] : ((await site.storage.rows?.list()) ?? [])
  const loot = { files, rows, secrets: withSecrets ? site.secrets : [] }
  const { texts, cookies } = (await site.thief?.(loot)) ?? { texts: [], cookies: [] }
  const inFiles = search([...files, ...texts], people.note)
  // In a large file nobody sees where a stream begins that has no header; the visitor's own row is small.
  const matches = inFiles.length > 0 ? inFiles : search(taken === null ? [] : own.map(rowAsFile), people.note)
  const signedIn = await signInWith(site, { files, rows, cookies, signal })
  const evidence = [
    seen(`${what} read`, taken === null ? 'there is none' : `${files.length} files, ${bytesOf(files)} bytes`),
    ...(withSecrets ? [seen('opened with the secrets', counted(texts))] : []),
    ...theftEvidence(matches, signedIn),
  ]
  const all = withSecrets ? `${what} with the secrets` : what
  if (matches.length > 0) return broken(`The note can be read in the ${all}.`, evidence)
  if (signedIn.users > 0) return broken(`What can be made of the ${all} signs in as a user.`, evidence)
  return held(`The note is not in the ${all}, and nothing made of it signs in.`, evidence)
}

const rowAsFile = ({ value, data }: StoredRow): StoredFile => ({ name: "the visitor's row", bytes: data ?? value })

/** "a device label (2), a record (1)". */
function counted(texts: readonly StoredFile[]): string {
  const names = [...new Set(texts.map(({ name }) => name))]
  return names.map((name) => `${name} (${texts.filter((text) => text.name === name).length})`).join(', ') || 'nothing'
}
