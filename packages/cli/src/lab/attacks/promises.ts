import type { PromisedRow } from '../attack.ts'

/** What the documents promise of which rows of ours. Other libraries have promised nothing to us. */
export const everywhere = ({ family }: PromisedRow): boolean => family === 'strongroom'

export const isInCookie = ({ traits }: PromisedRow): boolean => traits?.engine.startsWith('cookie') ?? false

export const onTheServer = (row: PromisedRow): boolean => everywhere(row) && !isInCookie(row)

/** docs/engines.md: an end that was acknowledged is final. */
export const whereRevocable = (row: PromisedRow): boolean => everywhere(row) && row.traits?.revocable === true

export const whereShared = (row: PromisedRow): boolean => everywhere(row) && row.traits?.shared !== 'process'

/** docs/cached.md: another process with copies in its own memory learns of an end, or of a change, after `maxAge` at the latest. */
export const withoutOwnCopies = (row: PromisedRow): boolean =>
  whereShared(row) && !/\bwith memory\b/.test(row.traits?.engine ?? '')
