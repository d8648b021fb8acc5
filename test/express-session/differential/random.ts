import fc from 'fast-check'
import { dataOf } from './cases.ts'
import type { Case, Handler, LooseRequest, Notes } from './run.ts'

/** One thing that a handler does. */
type Deed =
  | { readonly deed: 'set'; readonly key: string; readonly value: unknown }
  | { readonly deed: 'delete'; readonly key: string }
  | { readonly deed: 'push'; readonly key: string; readonly value: unknown }
  | { readonly deed: 'maxAge'; readonly value: number | null }
  | { readonly deed: 'touch' | 'save' | 'reload' | 'regenerate' | 'destroy' | 'unset' | 'drop' }

interface Visit {
  readonly deeds: readonly Deed[]
  readonly after: number
  readonly visitor: string
  readonly ends: 'json' | 'redirect' | 'empty' | 'stream' | 'error'
}

const key = fc.constantFrom('a', 'b', 'cart')
/** JSON, and what JSON changes. */
const value = fc.oneof(
  { weight: 4, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(undefined, Number.NaN, -0, new Date(0), new Map([[1, 2]]), { a: undefined }),
  },
)
const plain = (
  ...deeds: Extract<Deed, { deed: 'touch' | 'save' | 'reload' | 'regenerate' | 'destroy' | 'unset' | 'drop' }>['deed'][]
) => fc.constantFrom(...deeds).map((deed) => ({ deed }))

const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ deed: fc.constant('set' as const), key, value }) },
  { weight: 2, arbitrary: fc.record({ deed: fc.constant('delete' as const), key }) },
  { weight: 3, arbitrary: fc.record({ deed: fc.constant('push' as const), key, value: fc.integer() }) },
  {
    weight: 1,
    arbitrary: fc.record({ deed: fc.constant('maxAge' as const), value: fc.constantFrom(60_000, 3_600_000, null) }),
  },
  { weight: 5, arbitrary: plain('touch', 'save', 'reload', 'regenerate') },
  { weight: 2, arbitrary: plain('destroy', 'unset', 'drop') },
)

/** What express-session stores of a session without data, and forgets of one that was saved before, is nobody's business. */
function isOrdinary(deeds: readonly Deed[]): boolean {
  let [hasSet, hasSaved] = [false, false]
  for (const each of deeds) {
    const sets = each.deed === 'push' || (each.deed === 'set' && JSON.stringify(each.value) !== undefined)
    if (each.deed === 'save' && !hasSet) return false
    if (hasSaved && (each.deed === 'maxAge' || each.deed === 'delete' || (each.deed === 'set' && !sets))) return false
    hasSet ||= sets
    hasSaved ||= each.deed === 'save'
  }
  return true
}

const visit: fc.Arbitrary<Visit> = fc.record({
  deeds: fc.array(deed, { maxLength: 5 }).filter(isOrdinary),
  // Far from every expiry, whatever the time that the requests take.
  after: fc.constantFrom(0, 0, 0, 25_000, 75_000, 4_000_000),
  visitor: fc.constantFrom('one', 'one', 'one', 'two'),
  ends: fc.constantFrom('json', 'json', 'redirect', 'empty', 'stream', 'error'),
})

/** In one order: a key that is deleted and set again has its old place in our store. */
function sortedDataOf(request: LooseRequest): unknown {
  const data = dataOf(request)
  return data && Object.fromEntries(Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1)))
}

async function perform(request: LooseRequest, deed: Deed, { note, id }: Notes): Promise<void> {
  const { session } = request
  if (session == null) return
  switch (deed.deed) {
    case 'set':
      // A copy: what a later deed pushes into it must not be there in the other application.
      session[deed.key] = structuredClone(deed.value)
      break
    case 'delete':
      delete session[deed.key]
      break
    case 'push':
      if (Array.isArray(session[deed.key])) (session[deed.key] as unknown[]).push(deed.value)
      else session[deed.key] = [deed.value]
      break
    case 'maxAge':
      session.cookie.maxAge = deed.value as number
      break
    case 'touch':
      session.touch()
      break
    case 'unset':
      request.session = null as never
      break
    case 'drop':
      delete (request as { session?: unknown }).session
      break
    default:
      await new Promise<void>((resolve) => {
        session[deed.deed as 'save']((error?: unknown) => {
          note(deed.deed, error ? 'error' : 'done', request.session === session, id(request.sessionID))
          resolve()
        })
      })
  }
}

const handler =
  ({ deeds, ends }: Visit): Handler =>
  async (request, response, notes, next) => {
    notes.note('begins', sortedDataOf(request))
    for (const each of deeds) await perform(request, each, notes)
    notes.note('ends', sortedDataOf(request))
    if (ends === 'json') response.json(sortedDataOf(request))
    else if (ends === 'redirect') response.redirect('/')
    else if (ends === 'empty') response.status(204).end()
    else if (ends === 'error') next(new Error('failed'))
    else {
      response.write('begun ')
      setImmediate(() => response.end('ended'))
    }
  }

/** An application with a route for each of its requests, and a set of options. */
export const applications: fc.Arbitrary<Case> = fc
  .record({
    visits: fc.array(visit, { minLength: 1, maxLength: 6 }),
    resave: fc.boolean(),
    saveUninitialized: fc.boolean(),
    rolling: fc.boolean(),
    unset: fc.constantFrom('keep' as const, 'destroy' as const),
    maxAge: fc.constantFrom(undefined, 60_000),
  })
  .map(({ visits, maxAge, ...options }) => ({
    title: `random: ${JSON.stringify({ visits, maxAge, ...options })}`,
    options: { ...options, cookie: maxAge === undefined ? {} : { maxAge } },
    handlers: Object.fromEntries(visits.map((each, index) => [`/${index}`, handler(each)])),
    script: visits.map(({ after, visitor }, index) => ({ path: `/${index}`, after, visitor })),
  }))
