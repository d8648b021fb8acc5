import { html } from 'hono/html'

export { html }

/** Escaped where necessary; a promise only if something in it is one. */
export type Html = ReturnType<typeof html>

export const nothing = ''
