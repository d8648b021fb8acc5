import { StrongroomError } from 'strongroom'

/** What an operator may read of an error: what this library says, which never has a token, an id or data in it. */
export const reasonOf = (error: unknown): string =>
  error instanceof StrongroomError ? error.message : 'The log of the application says more.'
