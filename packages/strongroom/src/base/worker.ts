/**
 * Is this a Worker of Cloudflare's? There, a timer ends with the request that has set it, and nothing runs between requests. So what one
 * request has begun must never be left for another, and nothing can be done in the background.
 */
export const isWorker: boolean = globalThis.navigator?.userAgent === 'Cloudflare-Workers'
