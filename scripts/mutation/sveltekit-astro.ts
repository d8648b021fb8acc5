import { type Mutation, on } from './mutation.ts'

const sveltekit = on('test/frameworks/sveltekit/hooks.test.ts', 'packages/strongroom/src/adapters/sveltekit.ts')
const astro = on('test/frameworks/astro/middleware.test.ts', 'packages/strongroom/src/adapters/astro.ts')
const astroCaches = on('test/frameworks/astro/caches.test.ts', 'packages/strongroom/src/adapters/astro.ts')
const shared = (file: string) =>
  on('test/frameworks/sveltekit/hooks.test.ts', `packages/strongroom/src/adapters/shared/${file}.ts`)

/** Frameworks that hand out copies of a request, swallow errors, and make requests to themselves. */
export const sveltekitAstroMutations: readonly Mutation[] = [
  sveltekit(
    'a request that SvelteKit makes to itself, whose session overwrites that of its page',
    'isInner ? outer.visit : sessions.open',
    'isInner && outer.locals === locals ? outer.visit : sessions.open',
  ),
  sveltekit(
    'a request with the cookie of another visitor, which gets the session of the page',
    '(isSubRequest && sentIn(outer.request) === sentIn(request))',
    'isSubRequest',
  ),
  sveltekit(
    'a Request that is sent for two visitors, who get one session',
    'isSubRequest ? undefined : request)',
    'request)',
  ),
  sveltekit(
    'a load function or a command that throws, and is saved, because its response has status 200',
    'visit.wasRequested ? await shownStatus(event, response) : statusOf(response)',
    'statusOf(response)',
  ),
  sveltekit('a redirect of a hook that loses the login before it', 'setCookies(event.cookies, outcome)', ''),
  sveltekit(
    'an error of a hook that saves what came before it',
    'await commitLogout(visit)',
    'await visit.commit(400)',
  ),
  sveltekit('a store that is down, and a status that says nothing of it', 'withFailure(made, visit.failure)', 'made'),
  sveltekit(
    'an error for SvelteKit’s client that it cannot read',
    'if (isRemoteRequest || isEnhanced(event))',
    'if (isRemoteRequest && isEnhanced(event))',
  ),
  sveltekit(
    'a check for forged requests that refuses those of the application itself',
    'if (!event.isSubRequest) await check',
    'await check',
  ),
  on('test/frameworks/sveltekit/hooks.test.ts', 'packages/strongroom/src/adapters/sveltekit/shown-status.ts')(
    'the data of a page that saves what a load function changed before it threw',
    '[result, ...(result?.nodes ?? [])]',
    '[result]',
  ),
  on('test/frameworks/sveltekit/version-two.test.ts', 'packages/strongroom/src/adapters/sveltekit/shown-status.ts')(
    'fail(500) of SvelteKit 2 that is saved for use:enhance, and not without scripts',
    '|| isEnhanced(asked)',
    '',
  ),
  astroCaches(
    'a cached page of Astro in which a component shows the session of its first visitor to all',
    '!outcome.used && !mayBeUsed',
    '!outcome.used',
  ),
  astroCaches('a cookie that Astro tells a CDN to store', 'if (context.cache?.enabled) context.cache.set(false)', ''),
  shared('local')(
    'a name in the locals that is taken from another library',
    'if (local in locals)',
    'if (local === null)',
  ),
  on('test/frameworks/sveltekit/hooks.test.ts', 'packages/strongroom/src/request/attached.ts')(
    'an event in handleFetch that has no session',
    'if (locals) return find(locals)',
    'if (locals) return undefined',
  ),
  on('test/frameworks/sveltekit/hooks.test.ts', 'packages/strongroom/src/request/visit.ts')(
    'a page that did without a store, and whose own error gets the status of the store',
    '    this.#failure = null\n    return standIn',
    '    return standIn',
  ),
  astro(
    'a rewrite of Astro that is taken for the request of somebody else',
    'if (outer?.locals === locals) {',
    'if (outer && outer.locals !== locals) {',
  ),
  astro(
    'locals that several requests share, and with them a session',
    'if (requests.has(locals) || !sessions.attach(locals, visit)) throw',
    'if (!sessions.attach(locals, visit)) throw',
  ),
  astro(
    'an error page of Astro that saves the session of the page that has failed',
    'if (requests.get(locals) === request) return sessions.within(context, next)\n',
    '\n',
  ),
  astro(
    'a page that is sent before its components are ready, although it was to wait',
    'streaming || !isPage(response)',
    'streaming || isPage(response)',
  ),
  astro(
    'an action whose store is down, and a status that says nothing of it',
    'withFailure(await withPublicMessage(made, visit.failure), visit.failure)',
    'await withPublicMessage(made, visit.failure)',
  ),
  on('test/frameworks/astro/middleware.test.ts', 'packages/strongroom/src/adapters/astro/action-error.ts')(
    'the message of a store that Astro shows to scripts',
    'status, message }, { status })',
    'status }, { status })',
  ),
  on('test/frameworks/prerender.test.ts', 'packages/strongroom/src/adapters/sveltekit.ts')(
    'a session in a page that SvelteKit prerenders for everybody',
    'isBuilding() ? NO_VISITOR : request.headers',
    'request.headers',
  ),
  on('test/frameworks/prerender.test.ts', 'packages/strongroom/src/adapters/astro.ts')(
    'a session in a page that Astro prerenders for everybody',
    'isPrerendered ? NO_VISITOR : request.headers',
    'request.headers',
  ),
]
