/**
 * Ends the process of a test file that does not end by itself, because something that a failed test left open keeps it alive. The
 * runner's own time limit is for tests: it would wait for such a file for ever, and hide which test had failed.
 */
import { isMainThread } from 'node:worker_threads'

const LIMIT = 15 * 60_000

if (isMainThread) {
  setTimeout(() => {
    const open = process.getActiveResourcesInfo().join(', ')
    console.error(`${process.argv[1]} did not end within ${LIMIT / 60_000} minutes. Still open: ${open}`)
    process.exit(1)
  }, LIMIT).unref()
}
