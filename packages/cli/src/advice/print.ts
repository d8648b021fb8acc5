import { styleText } from 'node:util'
import { type Advice, type Answers, flagOf, type Recommendation, type RuledOut, type Sizing } from '../advise/index.ts'
import { line, paragraph } from '../output.ts'

const SHOWN = 3
const INDENT = 12

export interface PrintOptions {
  readonly all: boolean
}

/** For people, in 80 columns. */
export function print(advice: Advice, answers: Answers, { all }: PrintOptions): void {
  const { recommended, ruledOut, contradictions, impossible, ifLeftOut, evidence } = advice
  for (const { between, text } of contradictions) bullet('!', `${between.map(flagOf).join(' and ')}: ${text}`)
  // Of answers that a sentence is about already, that they leave nothing needs no second one.
  const isSaid = contradictions.some(({ between }) => between.join() === impossible?.between.join())
  if (impossible && !isSaid) bullet('!', `${impossible.between.map(flagOf).join(' and ')}: ${impossible.text}`)
  if (contradictions.length > 0 || impossible) line()
  const shown = all ? recommended : recommended.slice(0, SHOWN)
  for (const [at, each] of shown.entries()) printOne(each, at + 1)
  if (recommended.length > shown.length) line(`${recommended.length - shown.length} more: see --all.\n`)
  for (const { what, first } of ifLeftOut) bullet('-', `Without ${what}, ${first} would be first.`)
  printRuledOut(ruledOut, { all, isAllThereIs: recommended.length === 0 })
  paragraph(
    evidence
      ? `By the lab's run of ${evidence.at.slice(0, 10)} (${evidence.machine}).`
      : 'No run of the lab is recorded: make one with strongroom lab --json, and pass it with --report.',
  )
  const [first] = recommended
  if (first) printFirst(first, answers)
}

const heading = (text: string) => line(`\n${styleText('bold', text)}`)
const bullet = (mark: string, text: string) => paragraph(text, 2, `${mark} `)
const labelled = (label: string, text: string) => paragraph(text, INDENT, `   ${label}`.padEnd(INDENT))

function printOne({ engine, seal, reason, givenUp, docs }: Recommendation, at: number): void {
  line(`${styleText('bold', `${at}. ${engine}`)}, seal ${seal}`)
  labelled('Why', `${reason}.`)
  for (const [index, text] of givenUp.entries()) labelled(index === 0 ? 'Gives up' : '', text)
  labelled('More', docs)
  line()
}

function printRuledOut(ruledOut: readonly RuledOut[], { all, isAllThereIs }: RuledOutOptions): void {
  const [nearest] = ruledOut
  if (!nearest) return
  if (!all && !isAllThereIs) {
    paragraph(`Ruled out: ${ruledOut.length}, such as ${nearest.name} (${nearest.reasons[0]}). --all shows them.`)
    return
  }
  heading('Ruled out')
  const shown = all ? ruledOut : ruledOut.slice(0, NEAREST)
  for (const { name, reasons } of shown) bullet('-', `${name}: ${reasons.join('; ')}.`)
  if (ruledOut.length > shown.length) line(`${ruledOut.length - shown.length} more: see --all.`)
}

/** Those that fail the fewest answers come first. */
const NEAREST = 6

interface RuledOutOptions {
  readonly all: boolean
  /** Is there nothing to recommend? */
  readonly isAllThereIs: boolean
}

function printFirst({ config, sizing, backends }: Recommendation, answers: Answers): void {
  if (sizing) printSizing(sizing)
  else line('\nFor sizes, add --sessions, --requests and --logins.')
  heading('To copy into strongroom.config.ts, or to write with --write')
  line(`\n${config.typescript}`)
  for (const text of config.steps) bullet('-', text)
  if (config.packages.length > 0) bullet('-', `Install: npm install strongroom ${config.packages.join(' ')}`)
  const placeholder = backends.find((name) => answers.urls[name] === undefined)
  if (placeholder) bullet('-', `Put your own address in, or say where it is: --have ${placeholder}=env:NAME.`)
}

function printSizing({ engine, lines, next }: Sizing): void {
  heading(`How large: ${engine}`)
  const sources = [...new Set(lines.flatMap(({ source }) => source ?? []))]
  for (const { what, formula, shown, source } of lines) {
    const mark = source === null ? '' : ` [${sources.indexOf(source) + 1}]`
    paragraph(`${what} = ${formula} = ${styleText('bold', shown)}${mark}`, 4, '  ')
  }
  line()
  for (const text of next) bullet('*', text)
  line()
  for (const [at, source] of sources.entries()) paragraph(source, 7, `  [${at + 1}]`.padEnd(7))
}
