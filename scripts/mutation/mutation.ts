/** A mistake that a programmer could make. `find` occurs exactly once in `file`, and `suite` must fail when it is replaced. */
export interface Mutation {
  readonly title: string
  readonly file: string
  readonly find: string
  readonly replace: string
  readonly suite: string
}

export const on =
  (suite: string, file: string) =>
  (title: string, find: string, replace: string): Mutation => ({ title, file, find, replace, suite })
