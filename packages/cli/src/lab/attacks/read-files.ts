import type { Attack, AttackContext, Finding, PromisedRow } from '../attack.ts'
import { broken, held, notApplicable, seen } from '../finding.ts'
import { attackBy, type People } from '../people.ts'
import { search } from '../search.ts'
import type { StoredFile } from '../site.ts'
import { bytesOf, signInWith, theftEvidence } from './loot.ts'

const sealed = ({ family, seal }: PromisedRow) => family === 'strongroom' && seal !== 'none'

/** Read the files of the database where they are. */
export const readFiles: Attack = attackBy(
  {
    name: 'read-the-files',
    title: "Read the database's files",
    property: 'private on the server',
    attacker: "anyone who reads the server's disk",
    how: 'A visitor signs in and writes a note. The thief takes every file of the store as it is on the disk, searches it for the note in the usual encodings, and sends every id found there as a cookie. Held if the note is not found, and nothing signs in.',
    docs: 'docs/security.md#who-learns-what',
    harmless: true,
    violent: false,
    promised: sealed,
  },
  (people, context) => steal(people, context, () => people.site.storage.files(), 'files'),
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
    harmless: true,
    violent: false,
    promised: sealed,
  },
  (people, context) => steal(people, context, () => people.site.storage.backup(), 'backup'),
)

async function steal(
  people: People,
  { signal }: AttackContext,
  take: () => Promise<readonly StoredFile[] | null>,
  what: string,
): Promise<Finding> {
  const { site } = people
  const victim = await people.signedIn(people.user('ada'))
  const files = await take()
  if (files === null) return notApplicable(`There is no ${what} to read: the server stores no session there.`)
  const matches = search(files, people.note)
  const rows = (await site.storage.rows?.list()) ?? []
  const cookies = (await site.thief?.({ files, rows, secrets: [] }))?.cookies ?? []
  const signedIn = await signInWith(site, victim, { files, rows, cookies, signal })
  const evidence = [
    seen(`${what} read`, `${files.length}, ${bytesOf(files)} bytes`),
    ...theftEvidence(matches, signedIn),
  ]
  if (matches.length > 0) return broken(`The note can be read in the ${what}.`, evidence)
  if (signedIn.users > 0) return broken(`What stands in the ${what} signs its user in.`, evidence)
  return held(`The note is not in the ${what}, and nothing there signs in.`, evidence)
}
