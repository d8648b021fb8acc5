import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { Actor } from './actor.ts'
import type { Chooser } from './explore.ts'
import type { HeldOperation } from './gates.ts'
import type { ActorName, Scene } from './scene.ts'
import { VERBS, type VerbName } from './verbs.ts'

/** Who does what. */
export type Plan = Readonly<Partial<Record<ActorName, readonly VerbName[]>>>

export const titleOf = (plan: Plan): string =>
  Object.entries(plan)
    .map(([actor, verbs]) => `${actor}: ${verbs.join(', ')}`)
    .join(' | ')

/** Turns of the event loop after which an actor that neither waits at a gate nor has ended can only wait for another one. */
const PATIENCE = 50

export interface Played {
  /** False if the chooser gave it up. */
  readonly ended: boolean
  readonly actors: readonly Actor[]
  /** The operations in the order in which they ran. */
  readonly order: readonly HeldOperation[]
}

/** Runs a plan once, one operation at a time, in the order that the chooser decides. */
export async function play(scene: Scene, plan: Plan, choose: Chooser): Promise<Played> {
  const { gates, place } = scene
  const order: HeldOperation[] = []
  const actors: Actor[] = []
  const running = new Map<string, Promise<void>>()
  /** Until the actor waits for its next operation, or has ended; or only for somebody else. */
  const settled = async (actor: string) => {
    for (let turns = 0; turns < PATIENCE; turns++) {
      await turn()
      if (!running.has(actor) || gates.held.some((held) => held.actor === actor)) return
    }
  }
  let failure: unknown
  for (const [name, verbs] of Object.entries(plan) as [ActorName, readonly VerbName[]][]) {
    const actor = new Actor(name, scene)
    actors.push(actor)
    const work = gates
      .run(name, () => actor.perform(verbs.map((verb) => ({ name: verb, act: VERBS[verb] }))))
      .catch((error) => {
        failure ??= error
      })
    running.set(name, work)
    work.finally(() => running.delete(name))
    await settled(name)
  }
  while (running.size > 0) {
    assert.ok(gates.held.length > 0, 'every actor waits, and none of them for an operation')
    const next = choose(gates.held)
    if (!next) {
      await gates.open()
      await Promise.all(running.values())
      return { ended: false, actors, order }
    }
    order.push(next)
    place.clock.advance(1)
    gates.step++
    await next.release()
    await settled(next.actor)
  }
  // What was left to be done when the actors had ended, such as tidying up an index.
  await gates.open()
  if (failure) throw failure
  return { ended: true, actors, order }
}
