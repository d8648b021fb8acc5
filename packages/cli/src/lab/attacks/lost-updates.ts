import type { Attack, AttackContext, Finding } from '../attack.ts'
import { broken, held, seen } from '../finding.ts'
import { attackBy, type People } from '../people.ts'
import { type Answer, waitAtGate } from '../visitor.ts'
import { onTheServer } from './promises.ts'

const TABS = 20

export const lostUpdates: Attack = attackBy(
  {
    name: 'lost-updates',
    title: 'Lost updates',
    property: 'integrity',
    attacker: 'nobody: a visitor with several tabs',
    how: `Two requests load the session at the same time and set different keys. ${TABS} requests load it at the same time and each add 1 to a number. Two set one key. Held: every change that was answered with 200 is there, and the one key has a value that one of them has set.`,
    docs: 'docs/requests.md#what-a-commit-does',
    harmless: true,
    violent: false,
    promised: onTheServer,
  },
  async (people, context) => judge(await race(people, context)),
)

async function race(people: People, { signal }: AttackContext) {
  const visitor = await people.signedIn(people.user('ada'))
  const together = async (path: string, changes: readonly Record<string, string>[]): Promise<readonly Answer[]> => {
    signal.throwIfAborted()
    const waiting = await Promise.all(changes.map((parameters) => waitAtGate(visitor, path, parameters)))
    return Promise.all(waiting.map((request) => request.goOn()))
  }
  const keys = await together('/set', [
    { key: 'left', value: 'L' },
    { key: 'right', value: 'R' },
  ])
  const added = await together('/add', Array(TABS).fill({ key: 'count' }))
  const same = await together('/set', [
    { key: 'both', value: '1' },
    { key: 'both', value: '2' },
  ])
  return { keys, added, same, data: (await visitor.send('/read')).data }
}

const acknowledged = (answers: readonly Answer[]) => answers.filter(({ status }) => status === 200).length

function judge({ keys, added, same, data }: Awaited<ReturnType<typeof race>>): Finding {
  const kept = Number(data.left === 'L') + Number(data.right === 'R')
  const count = Number(data.count ?? 0)
  const isOneOfBoth = String(data.both) === '1' || String(data.both) === '2'
  const evidence = [
    seen('different keys: acknowledged, and there afterwards', [acknowledged(keys), kept]),
    seen('additions: acknowledged, and the number afterwards', [acknowledged(added), count]),
    seen('one key: acknowledged, and its value afterwards', [acknowledged(same), String(data.both ?? 'none')]),
  ]
  const isWhole = kept >= acknowledged(keys) && count === acknowledged(added) && isOneOfBoth
  if (acknowledged(keys) + acknowledged(added) === 0)
    throw new Error('No change was acknowledged, so none can be lost.')
  return isWhole
    ? held('Every change that was acknowledged is there.', evidence)
    : broken('Changes that were acknowledged are gone.', evidence)
}
