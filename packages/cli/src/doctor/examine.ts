import { messageOf } from '../failure.ts'
import type { Check, Topic } from './check.ts'
import type { Sweep } from './rows.ts'

/** What a part of the diagnosis has to keep to. */
export interface Limits {
  /** Ms that one part may take. */
  readonly limit: number
  /** Ms since 1970, as this machine has them. */
  readonly now: () => number
}

/** What each examination of a store is told. */
export interface Examined extends Limits, Pick<Sweep, 'every'> {
  /** What it is for the application: "engine", "cache", "revocations". */
  readonly about: string
}

/** Resolves as `work` does. Rejects when it takes longer: a server that hangs must not hold up the rest. */
export async function inTime<T>(limit: number, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${limit / 1000} s`)), limit)
  })
  try {
    return await Promise.race([work(), late])
  } finally {
    clearTimeout(timer)
  }
}

/** A part of which nothing is known when it fails: then there is one check, which says why. */
export async function orUnknown(
  { topic, name, limit }: { readonly topic: Topic; readonly name: string; readonly limit: number },
  work: () => Promise<readonly Check[]>,
): Promise<readonly Check[]> {
  try {
    return await inTime(limit, work)
  } catch (error) {
    return [topic.unknown(name, `This could not be looked at: ${endOf(messageOf(error))}`)]
  }
}

/** With one full stop, for the end of a sentence. */
export const endOf = (message: string) => `${message.replace(/[.\s]+$/, '')}.`
