import type { Site } from '../site.ts'
import { type Cookies, headerOf, send } from '../visitor.ts'
import { madeUpValue } from './tokens.ts'

interface Value {
  readonly name: string
  readonly value: string
}

interface Request<V extends Value> {
  readonly header: string
  readonly members: readonly V[]
}

/** Requests in parallel. */
const ABREAST = 16
/** Node's limit for all headers together is 16 KiB. */
const LONGEST = 12_000

/**
 * Cookie headers that try all these values for cookies of this jar, in batches that may be sent in parallel. Where an application looks at
 * several cookies of one name, an attacker tries several in one request; so do we, as many as it is seen to look at.
 */
export async function manyInOne<V extends Value>(
  site: Site,
  cookies: Cookies,
  values: readonly V[],
): Promise<readonly (readonly Request<V>[])[]> {
  const limit = cookies.size === 1 ? await looksAt(site, cookies) : 1
  const requests: Request<V>[] = []
  let members: V[] = []
  let length = 0
  const flush = () => {
    if (members.length > 0) requests.push({ header: headerWith(cookies, members), members })
    members = []
    length = 0
  }
  for (const value of values) {
    if (members.length >= limit || length + value.value.length > LONGEST) flush()
    members.push(value)
    length += value.name.length + value.value.length + 3
  }
  flush()
  return Array.from({ length: Math.ceil(requests.length / ABREAST) }, (_, at) =>
    requests.slice(at * ABREAST, (at + 1) * ABREAST),
  )
}

function headerWith(cookies: Cookies, members: readonly Value[]): string {
  const [only] = members
  if (members.length === 1 && only) return headerOf(new Map(cookies).set(only.name, only.value)) ?? ''
  return members.map(({ name, value }) => `${name}=${value}`).join('; ')
}

/** How many cookies of one name the application looks at: the good one is found before seven made-up ones and behind them. */
async function looksAt(site: Site, cookies: Cookies): Promise<number> {
  const [[name, value] = ['', '']] = [...cookies]
  const { user, data } = await send(site, '/read', cookies)
  if (user === null && Object.keys(data).length === 0) return 1
  const others = Array.from({ length: 7 }, () => madeUpValue(value))
  const isFound = async (values: readonly string[]) => {
    const found = await send(site, '/read', values.map((each) => `${name}=${each}`).join('; '))
    return found.user === user && JSON.stringify(found.data) === JSON.stringify(data)
  }
  return (await isFound([value, ...others])) && (await isFound([...others, value])) ? others.length + 1 : 1
}
