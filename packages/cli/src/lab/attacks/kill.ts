import { setTimeout } from 'node:timers/promises'
import type { Attack, AttackContext, Finding, PromisedRow } from '../attack.ts'
import { broken, held, notApplicable, seen } from '../finding.ts'
import { attackBy, expectOk, isMissing, type People } from '../people.ts'
import type { Site } from '../site.ts'
import { route, send, type Visitor, type Waiting, waitAtGate } from '../visitor.ts'

/** docs/engines.md: what is durable. A cookie is wherever its browser is. */
const durable = ({ family, traits }: PromisedRow) =>
  family === 'strongroom' && (traits?.durable !== 'no' || (traits?.engine.startsWith('cookie') ?? false))

/** Kill the store in the middle of writes. */
export const killStore: Attack = attackBy(
  {
    name: 'kill-the-store',
    title: 'Kill the store in the middle of writes',
    property: 'durable',
    attacker: 'nobody: a crash, the kernel that runs out of memory',
    how: 'Six visitors write numbers as fast as they can, and six more have a request each that has loaded its session. The store is stopped in the middle of that, the six requests write, and its processes are killed (SIGKILL), and started again with what is on the disk; so is the application, so that nothing is in its memory. Held if every visitor is still signed in, with the last number that was acknowledged, or a later one. The power of the machine is not cut.',
    docs: 'docs/engines.md',
    harmless: false,
    violent: true,
    promised: durable,
  },
  async (people, context) => {
    const { server } = people.site.storage
    if (!server) return notApplicable('There is no server behind the application that could be killed.')
    return killed(people, context, { what: 'the store', late: VISITORS }, async (site, late) => {
      // So that what is sent now is under way when it is killed.
      server.pause()
      const { answered } = await writeLate(site, late)
      await server.kill()
      await Promise.race([answered(), setTimeout(SOON, undefined, { ref: false })])
      await server.start()
      await site.kill()
      await site.restart()
    })
  },
)

/** Kill the application in the middle of writes. */
export const killApplication: Attack = attackBy(
  {
    name: 'kill-the-application',
    title: 'Kill the application in the middle of writes',
    property: 'durable',
    attacker: 'nobody: a crash, a deployment',
    how: 'Six visitors write numbers as fast as they can. The application is killed (SIGKILL) in the middle of that, and started again. Held if every visitor is still signed in, with the last number that was acknowledged, or a later one.',
    docs: 'docs/engines.md',
    harmless: false,
    violent: true,
    promised: durable,
  },
  (people, context) =>
    killed(people, context, { what: 'the application', late: 0 }, async (site) => {
      await site.kill()
      if (await send(site, '/read', null).catch(() => null)) throw new Error('The application was not killed.')
      await site.restart()
    }),
)

const VISITORS = 6
/** Acknowledged writes before each kill: never at the same point of the store's work. */
const KILLS = [40, 111]
const MANY_KILLS = Array.from({ length: 12 }, (_, index) => 40 + 17 * index)

async function killed(
  people: People,
  { thorough, signal }: AttackContext,
  given: { readonly what: string; readonly late: number },
  kill: (site: Site, late: readonly LateWriter[]) => Promise<void>,
): Promise<Finding> {
  const { what } = given
  const kills = thorough ? MANY_KILLS : KILLS
  let [writes, lost, sessions, underWay] = [0, 0, 0, 0]
  for (const count of kills) {
    const writers = await Promise.all(Array.from({ length: VISITORS }, (_, index) => newWriter(people, index)))
    const late = await Promise.all(Array.from({ length: given.late }, (_, index) => newLateWriter(people, index)))
    await writeUntil(writers, count, () => kill(people.site, late), signal)
    underWay += late.filter(({ acknowledged }) => acknowledged > 0).length
    for (const writer of [...writers, ...late]) {
      sessions++
      writes += writer.acknowledged
      if (await hasLost(writer)) lost++
    }
  }
  const evidence = [
    seen(`kills of ${what}`, kills.length),
    seen('acknowledged writes', `${writes}, of ${sessions} visitors`),
    ...(given.late > 0
      ? [
          seen(
            'writes that were under way at a kill, and were acknowledged',
            `${underWay} of ${kills.length * given.late}`,
          ),
        ]
      : []),
    seen('visitors who lost something that was acknowledged', lost),
  ]
  if (lost > 0) return broken(`Acknowledged writes were gone when ${what} was back.`, evidence)
  return held(`Everything that was acknowledged was there when ${what} was back.`, evidence)
}

interface Writer {
  readonly visitor: Visitor
  readonly user: string
  acknowledged: number
}

async function newWriter(people: People, index: number): Promise<Writer> {
  const user = people.user(`writer-${index}`)
  return { visitor: await people.signedIn(user), user, acknowledged: 0 }
}

/**
 * Has a request that has loaded its session, and writes when it is told to. Where the requests of the other writers are when the store is
 * killed is a matter of luck: if all of them are loading, none shows what the library does with a write that fails.
 */
interface LateWriter extends Writer {
  readonly request: Waiting
}

async function newLateWriter(people: People, index: number): Promise<LateWriter> {
  const writer = await newWriter(people, index)
  return { ...writer, request: await waitAtGate(writer.visitor, '/set', { key: 'number', value: 1 }) }
}

/** In ms: most requests whose write fails are answered sooner. Those whose client waits for the store are ended with the application. */
const SOON = 3_000

/** Resolves when their writes have been sent, to what resolves when they are answered. */
async function writeLate(site: Site, late: readonly LateWriter[]): Promise<{ answered(): Promise<unknown> }> {
  const answers = late.map(async (writer) => {
    const answer = await writer.request.goOn().catch(() => null)
    if (answer?.status === 200) writer.acknowledged = 1
  })
  // The application has let the handlers go on when it answers the first question, and has sent what they write at the second.
  for (let turn = 0; turn < 2; turn++) await site.storeCalls?.()
  return { answered: () => Promise.all(answers) }
}

/** Resolves when `interrupt` is done and all writers have stopped. */
async function writeUntil(
  writers: readonly Writer[],
  count: number,
  interrupt: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  let total = 0
  let interrupted: Promise<void> | null = null
  const write = async (writer: Writer) => {
    for (let value = 1; interrupted === null && !signal.aborted; value++) {
      // What was under way when the kill came was not acknowledged.
      const answer = await writer.visitor.send(route('/set', { key: 'number', value })).catch(() => null)
      if (answer?.status !== 200) {
        if (interrupted === null && answer) expectOk('/set', answer)
        return
      }
      writer.acknowledged = value
      // Not awaited: the others are in the middle of their writes.
      if (++total < count || interrupted) continue
      interrupted = interrupt()
      // A server that does not come back is noticed below, and must not end the whole run before that.
      interrupted.catch(() => undefined)
    }
  }
  await Promise.all(writers.map(write))
  if (!interrupted) throw new Error('The visitors stopped writing before anything was killed.')
  await interrupted
}

async function hasLost({ visitor, user, acknowledged }: Writer): Promise<boolean> {
  const answer = await visitor.send('/read')
  if (isMissing(answer) || answer.status >= 500) expectOk('/read', answer)
  return answer.user !== user || Number(answer.data.number ?? 0) < acknowledged
}
