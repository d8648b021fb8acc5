import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type BaseSessions, ConfigError, createSessions } from 'strongroom'
import { booleanOption, checkOptions } from 'strongroom/internal'
import { memory } from 'strongroom/memory'
import { createApp } from './app.ts'
import { checkListener, type StudioListener } from './events.ts'
import { plain } from './headers.ts'
import { Links, type Opened } from './link.ts'
import { checkSessions, mounted, pathBelow } from './mount.ts'
import { openedPage, strangerPage, unopenedPage } from './pages/door.ts'
import { checkPanels, PANELS, type Panels } from './panels.ts'
import type { StudioSessions } from './sessions.ts'

export interface ServeOptions extends Panels {
  /** Default 0: a free one. */
  readonly port?: number | undefined
  /** May operators end sessions? By default they may only look. */
  readonly write?: boolean | undefined
  /** What the pages are about, such as "shop, production". By default the engine's name. */
  readonly title?: string | undefined
  /**
   * Are the cookie and the deadlines of these sessions those of the application? Default true; false where they were made for the studio
   * alone, from the URL of the store: then they are not shown.
   */
  readonly isApplication?: boolean | undefined
  /** Called with what happened, for an audit log. */
  readonly on?: StudioListener | undefined
}

/** A studio that is being served, with its address. */
export interface ServedStudio {
  /** `http://127.0.0.1:7664`. */
  readonly origin: string
  /** Where its pages are, without a slash at the end. It opens nothing to a browser that has not followed a link. */
  readonly url: string
  /** The address that opens the studio once, within ten minutes. Each call makes a new one, and the one before no longer opens it. */
  link(): string
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const KNOWN = ['port', 'write', 'title', 'isApplication', 'on', ...PANELS] as const
/** Nobody else on the network reaches it. */
const LOOPBACK = '127.0.0.1'
const NAMES = ['127.0.0.1', 'localhost', '[::1]']

/**
 * Serves the studio on the loopback address, behind a link that opens it once. The browser that opened it stays signed in until it is
 * closed, or for twelve hours. Rejects with `ConfigError` for an option that is unknown or wrong, and for a port that is taken.
 */
export async function serveStudio<Data extends object>(
  sessions: BaseSessions<Data>,
  options: ServeOptions = {},
): Promise<ServedStudio> {
  const given = sessions as unknown as StudioSessions
  checkSessions('serveStudio(sessions)', given)
  checkOptions('serveStudio()', options, KNOWN)
  checkPanels('serveStudio()', options)
  checkListener('serveStudio()', options.on)
  const { port = 0, title = given.policy.engine, write, isApplication, on, ...panels } = options
  const server = createServer()
  const taken = await listen(server, checkPort(port))
  // Cookies know no ports: every server on this machine that the browser visits is sent those of this one, and could use them here.
  // A path that is known to nobody else keeps them to these pages.
  const base = `/${randomBytes(16).toString('base64url')}`
  const operators = operatorSessions(taken, base)
  const links = new Links()
  const app = createApp(given, {
    // Anyone who is not an operator has been stopped before.
    guard: async (request) => (await operators.get(request)).get('operator') === true,
    write: booleanOption('serveStudio(): write', write, false),
    isApplication: booleanOption('serveStudio(): isApplication', isApplication, true),
    title,
    on,
    operators,
    ...panels,
  })
  const entry = mounted(operators, base, async (request, bindings) => {
    if (!isOurs(request, taken)) return plain(421, wrongHost(taken))
    if (isForeign(request)) return plain(403, 'This request came from another site, and was refused.')
    const { pathname } = new URL(request.url)
    if (pathname !== base && !pathname.startsWith(`${base}/`)) return strangerPage()
    const session = await operators.get(request)
    const isIn = session.get('operator') === true
    const token = /^\/open\/([\w-]+)$/.exec(pathBelow(base, request))?.[1]
    if (token === undefined) return isIn ? app.fetch(request, bindings) : strangerPage()
    // A browser that only guesses that the link will be followed must not use it up.
    if (request.method !== 'GET' || GUESSES.some((name) => request.headers.has(name)))
      return plain(405, 'Open this address in a browser.')
    const opened: Opened = links.open(token)
    if (opened === 'good') session.set('operator', true)
    return opened === 'good' || isIn ? openedPage(base) : unopenedPage(opened)
  })
  server.on('request', (incoming, outgoing) => entry.node(incoming, outgoing))
  const origin = `http://${LOOPBACK}:${taken}`
  const close = async () => {
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
    await operators.close()
  }
  const url = origin + base
  return { origin, url, link: () => `${url}/open/${links.next()}`, close, [Symbol.asyncDispose]: close }
}

/**
 * Its own, in memory: they end with the process, and are nobody's in the application. Browsers keep no cookie with Secure for http on
 * this machine if they are Safari; in production, sessions insist on it.
 */
function operatorSessions(port: number, path: string) {
  const production = process.env.NODE_ENV === 'production'
  const name = `strongroom-studio-${port}`
  return createSessions({
    store: memory(),
    secrets: randomBytes(32),
    cookie: { name: production ? `__Secure-${name}` : name, path, secure: production, sameSite: 'strict' },
    idle: '2h',
    absolute: '12h',
  })
}

async function listen(server: Server, port: number): Promise<number> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, LOOPBACK, resolve)
    })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why =
      code === 'EADDRINUSE' ? 'is in use' : code === 'EACCES' ? 'needs more rights' : `cannot be used (${code})`
    throw new ConfigError(`Port ${port} ${why}. Choose another one, or 0 for a free one.`, { cause: error })
  }
  return (server.address() as AddressInfo).port
}

function checkPort(port: unknown): number {
  if (typeof port === 'number' && Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  throw new ConfigError('serveStudio(): port must be a whole number from 0 to 65535.')
}

/** What browsers of today, and older ones, send with what they load before anybody has asked for it. */
const GUESSES = ['sec-purpose', 'purpose', 'x-moz']

/** A name of somebody else's that leads to this address (DNS rebinding) would make their page one of ours. */
const isOurs = ({ headers }: Request, port: number) =>
  // Browsers leave out the port of http.
  NAMES.some((name) => [`${name}:${port}`, ...(port === 80 ? [name] : [])].includes(headers.get('host') ?? ''))

const wrongHost = (port: number) =>
  `The studio is at 127.0.0.1:${port}, and at no other name or port. If you forward a port, forward the same one: ssh -L ${port}:127.0.0.1:${port}`

/** Browsers say where a request comes from. Only navigations and requests of our own pages are served. */
function isForeign({ headers, url }: Request): boolean {
  const origin = headers.get('origin')
  if (origin !== null && origin !== new URL(url).origin) return true
  const [site, mode] = [headers.get('sec-fetch-site'), headers.get('sec-fetch-mode')]
  return site !== null && site !== 'same-origin' && site !== 'none' && mode !== 'navigate'
}
