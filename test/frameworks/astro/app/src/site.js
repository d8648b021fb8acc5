/** The application that a test has handed over for this request. */
export const siteOf = ({ request }) => globalThis.sites.get(request.headers.get('x-site'))
