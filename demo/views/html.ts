import type { html } from 'hono/html'

/** Escaped where necessary; a promise only if something in it is one. */
export type Html = ReturnType<typeof html>
