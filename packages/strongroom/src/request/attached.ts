import { NotAttachedError } from '../errors.ts'
import type { NotAttachedMessages } from './not-attached.ts'
import { Visit } from './visit.ts'

type Begun<Data extends object> = Visit<Data> | (() => Visit<Data>)

/** The visits of one `createSessions`, by their requests. */
export interface Attached<Data extends object> {
  /** Begins the visit, if that was left for later. Throws `NotAttachedError` for a request that did not come through an adapter. */
  visitOf(request: object): Visit<Data>
  isAttached(request: object): boolean
  /** See `attach` of `BaseSessions`. */
  attach(request: object, begin: Begun<Data>, alias?: object): boolean
}

/** With `eager`, a visit is begun for a request that never asks for it, too. `messages` are those of a `NotAttachedError`. */
export function attachedVisits<Data extends object>(eager: boolean, messages: NotAttachedMessages): Attached<Data> {
  // A property of the request is cheaper than a WeakMap; a symbol of its own keeps two `createSessions` apart.
  const slot = Symbol('strongroom')
  type Slot = { [slot]?: Begun<Data> }
  /** For requests that were frozen, by a test or by another library. They come first: what is in their slot stays there. */
  let frozen: WeakMap<object, Begun<Data>> | null = null

  const find = (request: object): Begun<Data> | undefined => frozen?.get(request) ?? (request as Slot | null)?.[slot]

  const put = (request: object, begun: Begun<Data>) => {
    try {
      ;(request as Slot)[slot] = begun
    } catch {
      frozen ??= new WeakMap()
      frozen.set(request, begun)
    }
  }

  /** One function for all, because every request of a Fetch handler has it. */
  function clone(this: Request): Request {
    const copy: Request = Object.getPrototypeOf(this).clone.call(this)
    const begun = find(this)
    if (begun) putWithClones(copy, begun)
    return copy
  }

  const CLONE = { value: clone, configurable: true }

  /** A clone, which middleware hands on when it has read the body, is the same request. */
  const putWithClones = (request: object, begun: Begun<Data>) => {
    put(request, begun)
    if (!('clone' in request) || !Object.isExtensible(request)) return
    // To define it takes five times as long as all else here, and is needed where it cannot be assigned: @hono/node-server has requests of
    // its own.
    if (Object.getPrototypeOf(request) === Request.prototype) request.clone = clone
    else Object.defineProperty(request, 'clone', CLONE)
  }

  const findBy = (request: object) => {
    const { locals, req } = (request ?? {}) as { readonly locals?: object; readonly req?: unknown }
    // SvelteKit and Astro hand out copies of their event or context, under other prototypes and with other requests. All have its locals.
    if (locals) return find(locals)
    // h3 has one event for a visitor and for what it caches for everybody, which has another request.
    return req instanceof Request ? find(req) : undefined
  }

  return {
    visitOf(request) {
      const found = find(request) ?? findBy(request)
      if (found === undefined) throw new NotAttachedError(messages.of(request))
      if (typeof found !== 'function') return found
      const visit = found()
      visit.frameworkRequest ??= request
      put(request, visit)
      return visit
    },
    isAttached: (request) => (find(request) ?? findBy(request)) !== undefined,
    attach(request, begin, alias) {
      const before = find(request) ?? (alias && find(alias))
      // A Request object that is sent a second time, as tests do, has a visit that is over.
      const isOver = before instanceof Visit && before.isCommitted && begin instanceof Visit
      const first = before === undefined || isOver
      const given = !first ? before : eager && typeof begin === 'function' ? begin() : begin
      const begun = alias && typeof given === 'function' ? once(given, request) : given
      if (typeof begun !== 'function') begun.frameworkRequest ??= request
      // Node's requests have no clones, and theirs is begun later.
      const place = typeof begin === 'function' ? put : putWithClones
      place(request, begun)
      if (alias) place(alias, begun)
      return first
    },
  }
}

/** Two objects stand for the request, and it has one visit, whichever is asked for first. */
function once<Data extends object>(begin: () => Visit<Data>, request: object): () => Visit<Data> {
  let visit: Visit<Data> | undefined
  return () => {
    visit ??= begin()
    visit.frameworkRequest ??= request
    return visit
  }
}
