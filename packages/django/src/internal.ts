/** What `@strongroom/cli` builds on. Not for applications: names here change without notice. */
export { opened } from './former.ts'
export { type DjangoMoveReport, moveFromDjango } from './move.ts'
export { Rows } from './stores/rows.ts'
export { type DjangoPlace, djangoFromUrl, isDjangoUrl } from './url.ts'
