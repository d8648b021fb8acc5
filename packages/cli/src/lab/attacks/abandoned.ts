import { type Attack, NotRun, type PromisedRow } from '../attack.ts'
import { broken, held, seen } from '../finding.ts'
import { attackBy, countOpen, expectOk, type People } from '../people.ts'
import { search } from '../search.ts'
import type { StoredRow } from '../site.ts'
import { count } from './memory-after-end.ts'

const HOUR = 3_600_000
/** Longer than every lifetime that nobody asked for, of all libraries here: Django's is two weeks. */
const LONG_AFTER = 400 * 24 * HOUR

/** Sessions of people who never came back. */
export const abandoned: Attack = attackBy(
  {
    name: 'abandoned-sessions',
    title: 'Abandoned sessions past their deadline',
    property: 'forgets',
    attacker: 'anyone who reads the server later',
    how: 'Three visitors sign in, write a note, and never come back. The clock of the application goes on by 400 days, and what the library tells to run for such sessions is run. Held if none of their cookies opens anything, none of their rows is left for ever, and their note cannot be read: neither in the files nor, where sessions are nowhere but in the process, in a snapshot of its heap.',
    docs: 'docs/lifetimes.md',
    harmless: false,
    turnsClocks: true,
    violent: false,
    // What was never sealed may stay in the log of a database for a while.
    promised: ({ family, seal, traits }: PromisedRow) =>
      family === 'strongroom' && (seal !== 'none' || traits?.shared === 'process'),
  },
  async (people) => {
    const { site } = people
    if (!site.clock) throw new NotRun('The clock of this application cannot be set.')
    const before = new Set(await keysOf(people))
    const visitors = [await signedIn(people), await signedIn(people), await signedIn(people)]
    const theirs = (await keysOf(people)).filter((key) => !before.has(key))
    const inHeap = await foundInHeap(people)
    if (inHeap === 0)
      throw new Error(
        'The note of a living session is not in the snapshot of the heap, so nothing shows when it is gone.',
      )
    await site.clock(LONG_AFTER)
    try {
      await site.sweep?.()
      const left = ((await site.storage.rows?.list()) ?? []).filter(({ key }) => theirs.includes(key))
      const forEver = left.filter((row) => staysForEver(row, Date.now()))
      const files = await site.storage.files()
      // What a file still has of them may be encoded in the library's own way.
      const opened = files && (await site.thief?.({ files, rows: [], secrets: [] }))?.texts
      const matches = search([...(files ?? []), ...(opened ?? [])], people.note)
      // Before their cookies are tried: a library may remove an expired session when it is read, and these people never come back.
      const leftInHeap = await foundInHeap(people)
      const open = await Promise.all(
        visitors.map(({ visitor, user }) => countOpen(site, visitor.copies, user, people.note)),
      )
      const used = open.reduce((sum, count) => sum + count, 0)
      const evidence = [
        seen('what was run', site.sweep ? "the library's own sweep" : 'nothing: the library has nothing for it'),
        seen('rows that their sessions had', site.storage.rows ? theirs.length : 'there are none'),
        seen(
          'of these, left for the store to remove by its own clock, and left for ever',
          `${left.length - forEver.length}, ${forEver.length}`,
        ),
        seen('places in the files where their note can be read', files ? matches.length : 'there are no files'),
        seen(
          'strings of the heap with their note, at first and in the end',
          inHeap === null
            ? 'not searched: the process is not the only place of its sessions'
            : `${inHeap}, ${leftInHeap}`,
        ),
        seen('of their cookies, opened a session', used),
      ]
      if (used > 0) return broken('A session lives longer than its deadline.', evidence)
      if (matches.length > 0) return broken('What they wrote can still be read.', evidence)
      if (leftInHeap) return broken('What they wrote is still in the memory of the application.', evidence)
      if (forEver.length > 0) return broken('Their rows stay for ever.', evidence)
      return held('Nothing of them is left that could be read or used.', evidence)
    } finally {
      await site.clock(0)
    }
  },
)

async function signedIn(people: People) {
  const user = people.user('gone')
  return { user, visitor: await people.signedIn(user) }
}

/** How many strings have their note in the heap of an application that has its sessions nowhere else; null for any other. */
async function foundInHeap(people: People): Promise<number | null> {
  const { site } = people
  if (site.shared) return null
  if (!site.memory) throw new NotRun('No snapshot of the memory of this application can be had.')
  // Node keeps the text of the last requests of a connection, which would otherwise be theirs.
  for (let turn = 0; turn < 8; turn++) expectOk('/read', await people.visitor().send('/read'))
  return count(await site.memory(), people.note)
}

/** A clock that was set says nothing about rows that the store removes by its own. */
const staysForEver = ({ removedAt }: StoredRow, now: number) => removedAt === undefined || removedAt > now + LONG_AFTER

const keysOf = async ({ site }: People) => ((await site.storage.rows?.list()) ?? []).map(({ key }) => key)
