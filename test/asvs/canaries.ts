import type { Site } from './site.ts'

/** What is looked for where it must not be. */
export const CANARY = 'canary-4711'
/** How it would look where it is only encoded. */
const FORMS = [CANARY, Buffer.from(CANARY).toString('base64').slice(0, 12), Buffer.from(CANARY).toString('hex')]

/** Somebody whose id, data, messages and device are canaries. */
export async function canaries(shop: Site) {
  const browser = shop.visitor()
  const headers = { 'user-agent': `${CANARY}/1.0` }
  await browser.ask(`/login?user=${CANARY}-user`, { headers })
  await browser.ask(`/set?${CANARY}-key=${CANARY}-value`, { headers })
  return browser
}

/** Is a canary in it, in the clear or encoded? */
export const has = (where: Buffer | string) =>
  FORMS.some((form) => Buffer.from(where as string, 'latin1').includes(form))
