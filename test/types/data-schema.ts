/** Compiled, never run: the option `dataSchema` gives the type of the data. Each `@ts-expect-error` is a mistake that must not compile. */

import { type } from 'arktype'
import * as v from 'valibot'
import { z } from 'zod'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import {
  type BaseSessions,
  createSessions,
  type RevocableCookieSessions,
  type Sessions,
  type SessionsOptions,
} from '../../packages/strongroom/src/index.ts'
import { dataSchema } from '../../packages/strongroom/src/session/data-schema.ts'

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Equal<A, B>) => undefined

interface Data {
  cart: string[]
  visits?: number | undefined
}

const secrets = 'a secret'
const zod = z.object({ cart: z.array(z.string()), visits: z.number().optional() })
const valibot = v.object({ cart: v.array(v.string()), visits: v.optional(v.number()) })
const arktype = type({ cart: 'string[]', 'visits?': 'number' })

/** Whatever the names of the types are, the keys and values are those. */
type Of<S> = S extends BaseSessions<infer D> ? { [K in keyof D]: D[K] } : never

export function withEachLibrary() {
  const a = createSessions({ secrets, dataSchema: zod })
  same<Of<typeof a>, { cart: string[]; visits?: number | undefined }>(true)
  const b = createSessions({ secrets, dataSchema: valibot })
  same<Of<typeof b>, { cart: string[]; visits?: number | undefined }>(true)
  const c = createSessions({ secrets, dataSchema: arktype })
  same<Of<typeof c>, { cart: string[]; visits?: number }>(true)
}

export function inEachOverload() {
  const indexed = createSessions({ secrets, dataSchema: zod, store: memory() })
  const url = createSessions({ secrets, dataSchema: zod, store: 'memory:' })
  const bare = createSessions({ secrets, dataSchema: zod, store: cookie() })
  const revocable = createSessions({ secrets, dataSchema: zod, store: cookie({ revocations: memory() }) })
  type Zod = z.input<typeof zod>
  same<typeof indexed, Sessions<Zod>>(true)
  same<typeof url, Sessions<Zod>>(true)
  same<typeof bare, BaseSessions<Zod>>(true)
  same<typeof revocable, RevocableCookieSessions<Zod>>(true)
}

export async function withSettings(request: object) {
  const sessions = createSessions({
    secrets,
    dataSchema: { schema: zod, version: 2, upgrades: { 1: ({ basket, ...data }) => ({ ...data, cart: basket }) } },
  })
  const session = await sessions.get(request)
  session.set('cart', ['a'])
  // @ts-expect-error: no such key
  session.get('basket')
  // @ts-expect-error: a list of strings
  session.set('cart', [1])
  const made = createSessions({ secrets, dataSchema: dataSchema(zod) })
  same<Of<typeof made>, Of<typeof sessions>>(true)
  const settled = createSessions({ secrets, dataSchema: dataSchema({ schema: valibot, onMismatch: 'clear' }) })
  same<Of<typeof settled>, { cart: string[]; visits?: number | undefined }>(true)
}

export function anExplicitTypeHasToAgree() {
  createSessions<Data>({ secrets, dataSchema: zod })
  createSessions<Data>({ secrets, store: cookie(), dataSchema: { schema: arktype } })
  // @ts-expect-error: the schema's cart is a list of strings
  createSessions<{ cart: number[] }>({ secrets, dataSchema: zod })
  // @ts-expect-error: the schema has no such key
  createSessions<{ theme: string }>({ secrets, store: cookie(), dataSchema: { schema: zod } })
}

export function theTypeIsWhatGoesIntoTheSchema() {
  const sessions = createSessions({
    secrets,
    dataSchema: z.object({ since: z.string().transform((text) => new Date(text)) }),
  })
  same<Of<typeof sessions>, { since: string }>(true)
}

export function mistakes(options: SessionsOptions) {
  // @ts-expect-error: no schema
  createSessions({ secrets, dataSchema: { cart: [] } })
  // @ts-expect-error: sessions have keys
  createSessions({ secrets, dataSchema: z.string() })
  // @ts-expect-error: no such policy
  createSessions({ secrets, dataSchema: { schema: zod, onMismatch: 'ignore' } })
  // @ts-expect-error: an upgrade computes, it does not wait
  createSessions({ secrets, dataSchema: { schema: zod, version: 2, upgrades: { 1: async (data) => data } } })
  // Options that are passed on know nothing of the data.
  const sessions = createSessions(options)
  same<typeof sessions, BaseSessions<Record<string, unknown>>>(true)
  createSessions<Data>(options)
  createSessions({ ...options, store: memory(), dataSchema: zod })
}
