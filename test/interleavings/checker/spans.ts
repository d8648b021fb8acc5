export const MINUTE = 60_000
export const DAY = 24 * 60 * MINUTE
/** Sooner than a session ends that nobody uses. */
export const SHORTENED = 10 * MINUTE
export const PROLONGED = 10 * DAY
