/** The application that a test has handed over for this request. */
export const siteOf = (event) => globalThis.sites.get(event.request.headers.get('x-site'))
