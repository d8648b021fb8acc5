import { error, fail, redirect } from '@sveltejs/kit'

/** The application that a test has handed over for this request. */
export const siteOf = (event) => globalThis.sites.get(event.request.headers.get('x-site'))

/** What SvelteKit knows only from its own copy, which is in the bundle. */
export const kit = { error, fail, redirect }
