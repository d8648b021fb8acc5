import type { Answers } from './answers.ts'
import { type Candidate, candidatesFor } from './candidates.ts'
import type { Contradiction } from './contradictions.ts'
import { type Indexed, judge } from './evidence.ts'
import { reasonsAgainst } from './reasons.ts'
import { flagOf } from './repeat.ts'

/** One answer by itself, and what the question is with it alone. */
interface Item {
  readonly name: string
  readonly alone: Answers
}

interface Excluded {
  readonly candidate: Candidate
  /** By each answer alone, by its name. */
  readonly reasons: ReadonlyMap<string, string>
}

/**
 * A smallest set of answers that no engine gives, whatever the others are. Null where there is none, because something is left to
 * recommend. An engine is ruled out by single answers, so a set rules out all when each engine fails one of them.
 */
export function impossibleIn(answers: Answers, evidence: Indexed | null): Contradiction | null {
  const items = itemsOf(answers)
  const weaker = excludedBy(items, { ...answers, needs: ['operators-read'] }, evidence)
  const usual = excludedBy(items, { ...answers, needs: [] }, evidence)
  // A set that leaves an engine is never enough, and there are too many sets to try them all.
  const isEnough = (engines: readonly Excluded[]) => engines.every(({ reasons }) => reasons.size > 0)
  if (!isEnough(weaker) && !isEnough(usual)) return null
  for (let size = 1; size <= items.length; size++)
    for (const set of subsets(items, size)) {
      const names = set.map(({ name }) => name)
      const engines = names.includes('operators-read') ? weaker : usual
      if (engines.every(({ reasons }) => names.some((name) => reasons.has(name))))
        return { between: names, text: textOf(names, engines) }
    }
  return null
}

function itemsOf(answers: Answers): readonly Item[] {
  const none: Answers = { ...answers, properties: [], needs: [], servers: 1, processes: 1, bytes: 0 }
  const { properties, needs, servers, processes, bytes } = answers
  return [
    ...properties.map((each) => ({ name: each, alone: { ...none, properties: [each] } })),
    ...needs.map((each) => ({ name: each, alone: { ...none, needs: [each] } })),
    ...(servers > 1 ? [{ name: 'servers', alone: { ...none, servers } }] : []),
    ...(processes > 1 ? [{ name: 'processes', alone: { ...none, processes } }] : []),
    { name: 'bytes', alone: { ...none, bytes } },
  ]
}

/** Operators who must be able to read sessions decide by which seal the engines are meant. */
function excludedBy(items: readonly Item[], asked: Answers, evidence: Indexed | null): readonly Excluded[] {
  return candidatesFor(asked).map((candidate) => {
    const found = items.flatMap(({ name, alone }): (readonly [string, string])[] => {
      const [reason] = reasonsAgainst(candidate, judge(candidate, alone, evidence), alone)
      return reason === undefined ? [] : [[name, reason]]
    })
    return { candidate, reasons: new Map(found) }
  })
}

function* subsets(items: readonly Item[], size: number, from = 0): Generator<readonly Item[]> {
  if (size === 0) return yield []
  for (let at = from; at <= items.length - size; at++)
    for (const rest of subsets(items, size - 1, at + 1)) yield [items[at] as Item, ...rest]
}

/** An engine for each answer that fails no other of them: without that answer, it would be left. */
function textOf(names: readonly string[], engines: readonly Excluded[]): string {
  const examples = names.flatMap((name) => {
    const only = engines.find(({ reasons }) => names.every((each) => reasons.has(each) === (each === name)))
    const { candidate, reasons } = only ?? {}
    return candidate ? [`${flagOf(name)} rules out ${candidate.name} (${reasons?.get(name)})`] : []
  })
  const what = names.length === 1 ? 'No engine gives this' : 'Together they rule out every engine'
  return `${what}: ${examples.join('; ')}.`
}
