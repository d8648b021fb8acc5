/** What `@strongroom/cli` builds on. Not for applications: names here change without notice. */
export { djangoSource } from './move.ts'
export { openForReading } from './reader.ts'
export { SessionTable } from './stores/session-table.ts'
export { type DjangoUrl, djangoFromUrl, isDjangoUrl } from './url.ts'
