/** One of the routes that `Site` describes. */
export interface Call {
  readonly route: Route
  readonly key: string
  readonly value: string
  readonly user: string
  /** Does the request want headers for shared caches? */
  readonly isPublic: boolean
  /** Resolves when the lab opens the gate that the request names; immediately if it names none. */
  gate(): Promise<void>
}

const ROUTES = ['read', 'set', 'add', 'login', 'logout', 'renew', 'revoke-all', 'fail'] as const
export type Route = (typeof ROUTES)[number]

class Gates {
  onWaiting: (gate: string) => void = () => undefined
  readonly #opened = new Map<string, () => void>()

  wait(gate: string | null): Promise<void> {
    if (gate === null) return Promise.resolve()
    return new Promise((resolve) => {
      this.#opened.set(gate, resolve)
      this.onWaiting(gate)
    })
  }

  open(gate: string): void {
    this.#opened.get(gate)?.()
    this.#opened.delete(gate)
  }
}

/** One for the process: the lab opens the gates of one application. */
export const gates = new Gates()

/** The call that a URL such as "/set?key=note&value=tea&gate=1" names; null for another path. */
export function callOf(url: string | undefined): Call | null {
  const { pathname, searchParams } = new URL(url ?? '/', 'http://lab')
  const route = ROUTES.find((name) => `/${name}` === pathname)
  if (!route) return null
  const gate = searchParams.get('gate')
  return {
    route,
    key: searchParams.get('key') ?? '',
    value: searchParams.get('value') ?? '',
    user: searchParams.get('user') ?? '',
    isPublic: searchParams.has('public'),
    gate: () => gates.wait(gate),
  }
}
