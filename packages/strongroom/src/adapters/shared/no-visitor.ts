import { NotAttachedError } from '../../errors.ts'

/** The headers of a page that is rendered when the application is built: its session cannot be loaded, with this advice. */
export const noVisitor = (advice: string): { get(name: string): null } => ({
  get() {
    throw new NotAttachedError(
      `A session was asked for while the application is being built. What is rendered then is the same file for everybody. ${advice}`,
    )
  },
})
