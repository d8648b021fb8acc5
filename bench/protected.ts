import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { type BaseSessions, createSessions, type HeaderSource, type SessionsOptions } from 'strongroom'
import { deviceBound } from 'strongroom/device-bound'
import { memory } from 'strongroom/memory'
import { inOrder } from './counting/order.ts'
import { median } from './figures.ts'

// `node bench/protected.ts [turns] [requests]`: µs of processor that a read costs more because of what makes a stolen cookie worth little:
// for each switch alone, and for all of them together. Exits with code 1 if all of them cost more than the bar allows.
const [turns = '20', requests = '20000'] = process.argv.slice(2)

const address = (request: object) => (request as { readonly ip: string }).ip

/** Of `createSessions`, each off by default. */
const SWITCHES: Readonly<Record<string, Partial<SessionsOptions>>> = {
  'signals, by the browser': { signals: {} },
  'signals, by the browser and the network': { signals: {}, address },
  'renewal by time, with nothing to renew': { renewEvery: '15m', onReuse: 'end' },
  'device binding, of a session that is bound': { deviceBound: deviceBound() },
  'a count of guesses': { guessing: {}, address },
  'a budget for anonymous sessions': { anonymous: { perMinute: 1000 } },
  'a preset': { preset: 'owasp' },
}

/** A read may cost so many µs more with all of them, or so large a share, whichever is more. */
const BAR = { us: 4, share: 0.05 }

/** What a browser of today sends with a request for a page. */
const BROWSER = {
  'user-agent':
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  'sec-ch-ua': '"Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"',
  'sec-ch-ua-platform': '"Windows"',
  'sec-ch-ua-mobile': '?0',
  accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'accept-language': 'en-GB,en;q=0.9',
}

/** Strings as a parser of HTTP makes them: new at each request, so that no hash of theirs is known. */
const parsed = (headers: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Buffer.from(value).toString('latin1')]))

/** One request with a session, up to where its response may begin. */
type Serve = (request: { readonly ip: string; readonly headers: HeaderSource }) => Promise<void>

interface Site {
  readonly serve: Serve
  readonly headers: Readonly<Record<string, string>>
}

/** A cookie as it is sent back. */
const pairOf = (line: string | null | undefined) => line?.split(';')[0] ?? ''

/** Registers a key as a browser does: the cookie of the device. */
async function registered(
  sessions: BaseSessions<Record<string, unknown>>,
  cookie: string,
  offer: string,
): Promise<string> {
  const [, path = ''] = /path="([^"]*)"/.exec(offer) ?? []
  const [, challenge = ''] = /challenge="([^"]*)"/.exec(offer) ?? []
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const header = { alg: 'ES256', typ: 'dbsc+jwt', jwk: await exportJWK(publicKey) }
  const proof = await new SignJWT({ jti: challenge }).setProtectedHeader(header).sign(privateKey)
  const headers = { cookie, 'secure-session-response': proof, 'sec-fetch-site': 'same-origin' }
  const request = new Request(`https://shop.example${path}`, { method: 'POST', headers })
  const response = await sessions.ownRequests?.fetch(request)
  if (response?.status !== 200) throw new Error(`The key was not registered: ${response?.status}.`)
  return pairOf(response.headers.getSetCookie()[0])
}

async function siteWith(options: Partial<SessionsOptions>): Promise<Site> {
  const sessions = createSessions({ store: memory(), secrets: randomBytes(32), sweep: false, ...options })
  const serve = async (request: Parameters<Serve>[0], signIn = false) => {
    const visit = sessions.open(request.headers)
    sessions.attach(request, visit)
    const session = await sessions.get(request)
    if (signIn) session.login('ada')
    else if (session.userId !== 'ada') throw new Error('The session is not the visitor’s.')
    return visit.commit(200)
  }
  const { setCookie, headers = [] } = await serve({ ip: '203.0.113.7', headers: BROWSER }, true)
  const offer = headers.find(([name]) => name === 'Secure-Session-Registration')?.[1]
  const own = pairOf(setCookie)
  const cookie = offer ? `${own}; ${await registered(sessions, own, offer)}` : own
  return { serve: async (request) => void (await serve(request)), headers: { ...BROWSER, cookie } }
}

/** In µs for each request, without what the requests themselves are made of. */
async function costOf({ serve, headers }: Site): Promise<number> {
  const count = Number(requests)
  let spent = 0
  for (let done = -count / 4; done < count; done += 32) {
    const arrived = Array.from({ length: 32 }, () => ({ ip: '203.0.113.7', headers: parsed(headers) }))
    const before = process.cpuUsage()
    await Promise.all(arrived.map(serve))
    const { user, system } = process.cpuUsage(before)
    if (done >= 0) spent += user + system
    await turn()
  }
  return spent / count
}

async function compare(name: string, options: Partial<SessionsOptions>): Promise<boolean> {
  const [off, on] = [await siteWith({}), await siteWith(options)]
  const [more, without]: [number[], number[]] = [[], []]
  for (let at = -3; at < Number(turns); at++) {
    const pair = await inOrder(
      at,
      () => costOf(off),
      () => costOf(on),
    )
    if (at < 0) continue
    without.push(pair.without)
    more.push(pair.with - pair.without)
  }
  const [base, cost] = [median(without), median(more)]
  const share = ((100 * cost) / base).toFixed(1)
  console.log(`${name}: ${cost.toFixed(2)} µs more than ${base.toFixed(2)} µs (${share} %)`)
  return cost <= Math.max(BAR.us, BAR.share * base)
}

// A server that is listening, as every application has.
const server = createServer().listen(0)
for (const [name, options] of Object.entries(SWITCHES)) await compare(name, options)
const isWithin = await compare('all of them', Object.assign({}, ...Object.values(SWITCHES)))
server.close()
if (!isWithin) process.exitCode = 1
