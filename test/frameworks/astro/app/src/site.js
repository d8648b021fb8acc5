/** The application that a test has handed over for this request. */
export const siteOf = (context) => globalThis.sites.get(context.request.headers.get('x-site'))
