import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count } from '../../support/counts.ts'
import { type Checked, check, reportOf } from './check.ts'
import type { OpenPlace } from './places.ts'
import { ADOPTED, RENEWED, THREE, TWO } from './plans.ts'
import { type Sizes, sized } from './size.ts'

const CLIENTS = {
  two: { title: 'two clients with two verbs each keep every invariant', all: TWO },
  three: { title: 'three clients with one verb each keep every invariant', all: THREE },
  renewed: { title: 'clients whose tokens are renewed by time keep every invariant', all: RENEWED },
  adopted: { title: 'visitors with one cookie of another framework keep every invariant', all: ADOPTED },
} as const

interface Sweep {
  readonly title: string
  readonly open: OpenPlace
  /** By default two and three. */
  readonly clients?: readonly (keyof typeof CLIENTS)[]
  /** One plan in so many is explored; where most are left out, a prime, so that each verb is among them. */
  readonly every: Sizes
  /** The most schedules of a plan. */
  readonly most?: Sizes
  /** The plans are dealt to so many tests, and this file has these of them. A test must end in time, and so must a file. */
  readonly parts?: { readonly of: number; readonly here: readonly number[] }
  readonly answers?: boolean
  /** Verbs that this place does not have, as they stand in the JSON of a plan. */
  readonly without?: RegExp
}

const PREEMPTIONS = sized([2, 3, 3])

/** Explores plans in one place. */
export function sweep(options: Sweep): void {
  const {
    title,
    open,
    every,
    most = [40, 400, 400],
    clients = ['two', 'three'],
    answers = false,
    without = /^$/,
  } = options
  const { of, here } = options.parts ?? { of: 1, here: [1] }
  const bounds = { preemptions: PREEMPTIONS, most: sized(most), answers }
  describe(`${title}, in every order of the operations`, () => {
    for (const [name, part] of clients.flatMap((name) => here.map((part) => [name, part] as const)))
      it(`${CLIENTS[name].title}${of > 1 ? ` (part ${part} of ${of})` : ''}`, async (test) => {
        const plans = CLIENTS[name].all.filter((plan) => !without.test(JSON.stringify(plan)))
        const chosen = plans.filter((_, at) => at % sized(every) === 0).filter((_, at) => at % of === part - 1)
        const checked: Checked[] = []
        for (const plan of chosen) checked.push(await check(open, plan, bounds))
        const total = (of: (one: Checked) => number) => checked.reduce((sum, one) => sum + of(one), 0)
        const schedules = total((one) => one.schedules)
        test.diagnostic(`${chosen.length} of ${plans.length} plans, ${schedules} schedules`)
        const cut = total(({ isCut }) => Number(isCut))
        test.diagnostic(
          `${total(({ pruned }) => pruned)} choices pruned, ${total(({ bounded }) => bounded)} over ${PREEMPTIONS} preemptions, ${cut} plans cut off at ${bounds.most} schedules, ${total(({ lost }) => lost)} prefixes lost`,
        )
        count(`Interleavings ${title}`, {
          'schedules explored': schedules,
          [`plans with up to ${PREEMPTIONS} preemptions`]: chosen.length,
          'of them cut off': cut,
        })
        assert.equal(reportOf(checked.flatMap(({ failures }) => failures)), '')
      })
  })
}
