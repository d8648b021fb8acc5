// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources
import { type Mutation, on } from './mutation.ts'

const source = (file: string) => `packages/strongroom/src/${file}.ts`
const stores = on('test/core/connect-store.test.ts', source('base/connect'))
const sameName = (file: string) => on('test/core/adoption-same-name.test.ts', source(file))

/** Visitors of other libraries who lose their session on the way, or whose old cookie stays good. */
export const comingOverMutations: readonly Mutation[] = [
  stores(
    'a session that is absent because its store has not called back yet',
    'if (result !== undefined || !takesCallback) resolve(result)',
    'resolve(result)',
  ),
  stores(
    'a session id in the error of a store on disk',
    "reject(typeof sid === 'string' ? withoutSid(error, sid) : error)",
    'reject(error)',
  ),
  stores(
    'a session file that is gone, and fails every request of its visitor',
    'if (isMissing(error)) return null\n',
    '',
  ),
  sameName('adoption/visitors')(
    'a line that removes our own cookie, which has the name of the other framework’s',
    'return clear.filter((line) => !isSameCookie(line, ours))',
    'return clear',
  ),
  sameName('adoption/visitors')(
    'an expected cookie of another framework that counts as an attempt on ours',
    'source.keyIn(`${name}=${text}`) !== null',
    'false',
  ),
  sameName('adoption/visitors')(
    'an old cookie that is expected after the end date of its source',
    'source.isOn(clock()) &&\n        source.keyIn(',
    'source.keyIn(',
  ),
  sameName('http/cookie')(
    'a cookie of the same name with another path that is never removed',
    'a.path === undefined || b.path === undefined || a.path === b.path',
    'true',
  ),
]
