import { isDeepStrictEqual } from 'node:util'
import { nameOf, sessionOf } from '../data.ts'
import { NOT_ASKED } from './application.ts'
import { ask } from './client.ts'
import type { Contender } from './contender.ts'
import type { Running } from './fleet.ts'

/** Throws unless a contender does what is going to be measured: the right values, for the right visitor, and writes that persist. */
export async function verify({ contender, origin }: Running): Promise<void> {
  const index = 7
  const expect = async (path: string, cookie: string, body: object) => {
    const answer = await ask(origin, path, cookie)
    if (isDeepStrictEqual(answer.body, body)) return answer
    throw new Error(`${contender.name}: ${path} should return ${JSON.stringify(body)}`)
  }
  const { cookie } = await ask(origin, `/login/${index}`)
  const asks = (route: Contender['routes'][number]) => contender.routes.includes(route)
  if (asks('untouched')) await expect('/untouched', cookie, { value: NOT_ASKED })
  if (asks('read-object')) await expect('/read-object', cookie, { value: sessionOf(index).cart[0]?.sku })
  if (asks('write')) {
    const first = await expect('/write', cookie, { value: index, n: 1 })
    await expect('/write', first.cookie, { value: index, n: 2 })
  }
  if (!asks('read')) return
  await expect('/read', cookie, { value: nameOf(index) })
  if (contender.trustsAnyCookie) return
  const forged = await ask(origin, '/read', forge(cookie))
  if (forged.body.value !== undefined) throw new Error(`${contender.name}: an altered cookie was accepted.`)
}

/** Another character in the middle of the first value. */
function forge(cookie: string): string {
  const end = `${cookie};`.indexOf(';')
  const at = Math.floor((cookie.indexOf('=') + end) / 2)
  return cookie.slice(0, at) + (cookie[at] === 'A' ? 'B' : 'A') + cookie.slice(at + 1)
}
