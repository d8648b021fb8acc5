import assert from 'node:assert/strict'
import type { Attack, AttackContext, Finding } from '../../packages/cli/src/lab/attack.ts'
import { ON_SESSIONS } from '../../packages/cli/src/lab/attacks/on-sessions.ts'
import type { Site } from '../../packages/cli/src/lab/site.ts'

const context: AttackContext = { thorough: false, signal: new AbortController().signal }

export const named = (name: string): Attack => {
  const attack = ON_SESSIONS.find((each) => each.name === name)
  assert.ok(attack, `there is no attack ${name}`)
  return attack
}

export async function find(name: string, site: Site): Promise<Finding> {
  try {
    return await named(name).run(site, context)
  } finally {
    await site.stop()
  }
}

/** What printed evidence says of one thing. */
export const said = ({ evidence }: Finding, what: RegExp): string => {
  const found = evidence.find((each) => what.test(each.what))
  assert.ok(found, `no evidence says ${what}: ${evidence.map((each) => each.what).join('; ')}`)
  return found.value
}
