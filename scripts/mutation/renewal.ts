import { type Mutation, on } from './mutation.ts'

const core = (file: string, suite = 'renewal') => on(`test/core/${suite}.test.ts`, `packages/strongroom/src/${file}.ts`)

/** Mistakes in the renewal of tokens by time, which help a thief, or lock an honest browser out. */
export const renewalMutations: readonly Mutation[] = [
  core('backing/succession')(
    'a late request that begins a session, whose cookie replaces the new one',
    'pointer && isSeen(pointer) ? pointer.seenAt * 1000 + grace : renewedAt * 1000',
    'pointer && isSeen(pointer) ? renewedAt * 1000 : renewedAt * 1000',
  ),
  core('backing/succession')(
    'a token that is renewed while the one before it still opens the session',
    'if (ref.predecessor || kept(ref) !== null || !isOld(ref)) return null',
    'if (ref.predecessor || !isOld(ref)) return null',
  ),
  core('backing/succession')(
    'a third token for somebody who has come with the first',
    'if (ref.predecessor || kept(ref) !== null || !isOld(ref)) return null',
    'if (kept(ref) !== null || !isOld(ref)) return null',
  ),
  core('backing/succession')(
    'a previous cookie that opens the session for ever',
    'isSeen(pointer) && clock() >= pointer.seenAt * 1000 + grace',
    'isSeen(pointer) && clock() < 0',
  ),
  core('backing/succession')(
    'a grace that ends before anybody has come with the new cookie',
    'isSeen(pointer) && clock() >= pointer.seenAt * 1000 + grace',
    'clock() >= pointer.seenAt * 1000 + grace',
  ),
  core('backing/succession')(
    'a new cookie that counts as seen although only the old one has come',
    'return isSeen(pointer) || predecessor ? pointer : { ...pointer, seenAt: seenNow() }',
    'return isSeen(pointer) ? pointer : { ...pointer, seenAt: predecessor ? seenNow() : seenNow() }',
  ),
  core('backing/succession')(
    'a way from the previous cookie that is never erased',
    'if (!pointer || hasEnded(pointer)) return null',
    'if (!pointer) return null',
  ),
  core('backing/succession')(
    'an alarm about a browser whose requests are under way',
    'if (!isLate) return undefined',
    'if (!isLate && stored.createdAt < 0) return undefined',
  ),
  core('backing/succession')(
    'an alarm that is given up because of the session that it is about',
    'if (!times) return undefined',
    'if (!times || stored.owner !== null) return undefined',
  ),
  core('backing/server')(
    'a page that waits three times for a store that cannot write',
    'renews && !facts.pointer ? () => twice(putIt, token) : putIt',
    'renews ? () => twice(putIt, token) : putIt',
  ),
  core('backing/server')(
    'a request that has come with the previous cookie, and forgets that when it writes',
    'was.predecessor && !renews ? { ...ref, predecessor: was.predecessor } : ref',
    'was.predecessor && renews ? { ...ref, predecessor: was.predecessor } : ref',
  ),
  core('backing/backing')(
    'a request that lost a race, and goes on as if it had come with the new cookie',
    'predecessor?.cookie ?? cookie',
    'predecessor ? cookie : cookie',
  ),
  core('request/cookie')(
    'a thief who polls, and is kept up to date',
    'if (ref.predecessor?.isSeen) return false',
    'if (ref.predecessor?.isSeen && meta.createdAt < 0) return false',
  ),
  core('request/renewal')(
    'a slow response that hands out a cookie which was seen meanwhile',
    'now.ref.predecessor?.isSeen !== false',
    'now.ref.predecessor === undefined',
  ),
  core('request/renewal')(
    'a browser that lost a response, and is never sent the cookie again',
    'return loaded?.ref.predecessor?.isSeen === false ? loaded : null',
    'return loaded?.ref.predecessor?.isSeen ? loaded : null',
  ),
  core('request/renewal')(
    'a stolen session that goes on although it was to be ended',
    'return await backing.end(ref)',
    'return ref.expiresAt > 0 || (await backing.end(ref))',
  ),
  core('request/save')(
    'a stampede of parallel requests that want to renew one token',
    'const saved = await (once\n',
    'const saved = await (once === null\n',
  ),
  core('request/save')(
    'a request that came in time, and loses what it has changed because it took long',
    'const result = await context.backing.load(presentedCookie(ref), { fresh: true, wasLoaded: true })',
    'const result = await context.backing.load(presentedCookie(ref), { fresh: true })',
  ),
  core('request/visit')(
    'a token that is renewed by a response that saves nothing',
    'status < 500)\n    return plan ? after',
    'true)\n    return plan ? after',
  ),
  core('crypto/pointer', 'pointer')(
    'a way to the successor that the secrets of the server open alone',
    'return { secret: token, context, associated: context }',
    'return { secret: token.subarray(0, 0), context, associated: context }',
  ),
  core('crypto/pointer', 'pointer')(
    'a way to the successor that opens for another session or owner',
    `const context = \`\${id}\${owner ?? ''} \${generation} \${generation + 1}\``,
    `const context = \`\${id.length}\${owner === null} \${generation} \${generation + 1}\``,
  ),
  core('crypto/pointer', 'pointer')(
    'a way that is longer than the room that a full store has for it',
    'export const POINTER_ROOM = 160',
    'export const POINTER_ROOM = 100',
  ),
  core('create', 'renewal-options')(
    'renewEvery that is accepted where nothing can renew, and ignored',
    "const inStore = !('kind' in engine)",
    "const inStore = 'kind' in engine || ownsStore || !ownsStore",
  ),
  core('request/renewal', 'renewal-options')(
    'a grace that outlasts the token itself',
    'if (grace > MOST_GRACE || grace >= every)',
    'if (grace > MOST_GRACE)',
  ),
  core('request/renewal', 'renewal-options')(
    'renewEvery in what somebody took for minutes',
    'if (every < LEAST_EVERY)',
    'if (every < 0 * LEAST_EVERY)',
  ),
]
