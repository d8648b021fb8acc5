import { setTimeout } from 'node:timers/promises'
import type { Attack, PromisedRow } from '../attack.ts'
import { broken, held, notApplicable, seen } from '../finding.ts'
import { attackBy, expectOk, isMissing } from '../people.ts'
import { route } from '../visitor.ts'

/**
 * In ms. Node makes a timer for the header Date, which ends with the present second, and every timer keeps the async context that it was
 * made in, and so the request.
 */
const DATE_TIMER = 1_000

/** What is left in the process of someone who has logged out. */
export const memoryAfterEnd: Attack = attackBy(
  {
    name: 'memory-after-the-end',
    title: 'The memory of the application after the end',
    property: 'forgets',
    attacker: 'anyone who gets a heap dump',
    how: "A visitor signs in, writes a note, and logs out; the sessions of another one are all ended from elsewhere. Before and after that, a snapshot of the application's heap is searched for their notes. A snapshot has strings and objects, and not what is in Buffers. Held if they were there before, and none is left.",
    docs: 'docs/security.md#memos',
    harmless: false,
    violent: false,
    promised: ({ family }: PromisedRow) => family === 'strongroom',
  },
  async (people) => {
    const { site } = people
    if (!site.memory) return notApplicable('Only of an application in Node can a snapshot be taken.')
    const [first, second] = [people.user('ada'), people.user('bob')]
    const leaving = await people.signedIn(first)
    const ended = await people.signedIn(second)
    // From the second request on, an engine may remember what it has read.
    for (const visitor of [leaving, ended]) expectOk('/read', await visitor.send('/read'))
    const snapshot = await site.memory()
    // The application has it in its configuration.
    if (count(snapshot, site.cookieName) === 0) throw new Error('The snapshot is none of this application.')
    const before = count(snapshot, people.note)
    // In Buffers, for example, where a snapshot does not show it.
    if (before === 0 && !site.shared)
      throw new Error(
        'The note of a living session is not in the snapshot of the heap, so nothing shows when it is gone.',
      )
    expectOk('/logout', await leaving.send('/logout'))
    const revoked = await people.visitor().send(route('/revoke-all', { user: second }))
    // Where nobody can end it from elsewhere, its owner does.
    if (isMissing(revoked)) expectOk('/logout', await ended.send('/logout'))
    await setTimeout(DATE_TIMER)
    // Node keeps the text of the last request of each connection.
    for (let turn = 0; turn < 8; turn++) await people.visitor().send('/read')
    const after = count(await site.memory(), people.note)
    const evidence = [
      seen('places in the heap with a note, before', before),
      seen('places in the heap with a note, after', after),
      seen(
        'the second visitor was signed out',
        isMissing(revoked) ? 'by a logout' : 'by ending all sessions of the user',
      ),
    ]
    if (after > 0) return broken('What they wrote is still in the memory of the application.', evidence)
    if (before === 0)
      return notApplicable(
        'The heap of the application has nothing of a living session either: sessions are stored elsewhere. What may be in Buffers was not seen.',
        evidence,
      )
    return held('Nothing that they wrote is left in the memory of the application.', evidence)
  },
)

export function count(bytes: Uint8Array, text: string): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let found = 0
  for (let at = buffer.indexOf(text); at >= 0; at = buffer.indexOf(text, at + 1)) found++
  return found
}
