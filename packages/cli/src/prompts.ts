import { EXIT, Failure } from './failure.ts'

/** Loaded when there is somebody to ask. */
export const clack = () => import('@clack/prompts')

/** The answer; Ctrl-C and Escape end the program. */
export async function answered<T>(asked: Promise<T>): Promise<Exclude<T, symbol>> {
  const answer = await asked
  if (typeof answer === 'symbol') throw new Failure(EXIT.interrupted, 'Nothing was changed.')
  return answer as Exclude<T, symbol>
}

/** Returns when the answer is yes; any other ends the program. */
export async function agreed(message: string): Promise<void> {
  const { confirm } = await clack()
  const yes = await answered(confirm({ message, initialValue: false }))
  if (!yes) throw new Failure(EXIT.interrupted, 'Nothing was changed.')
}
