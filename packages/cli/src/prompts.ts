import { EXIT, Failure } from './failure.ts'

/** Loaded only when there is someone to ask. */
export const clack = () => import('@clack/prompts')

/** Resolves to the answer. Ctrl-C and Escape end the program. */
export async function answerTo<T>(prompt: Promise<T>): Promise<Exclude<T, symbol>> {
  const answer = await prompt
  if (typeof answer === 'symbol') throw new Failure(EXIT.interrupted, 'Nothing was changed.')
  return answer as Exclude<T, symbol>
}

/** Resolves when the answer is yes. Any other answer ends the program. */
export async function confirm(message: string): Promise<void> {
  const { confirm: ask } = await clack()
  const yes = await answerTo(ask({ message, initialValue: false }))
  if (!yes) throw new Failure(EXIT.interrupted, 'Nothing was changed.')
}
