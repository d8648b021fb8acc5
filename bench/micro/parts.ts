import { randomBytes } from 'node:crypto'
import { memory } from 'strongroom/memory'
import { serverBacking } from '../../packages/strongroom/src/backing/server.ts'
import { createAead } from '../../packages/strongroom/src/crypto/aead.ts'
import { createLiveKeyring } from '../../packages/strongroom/src/crypto/keyring.ts'
import { primitivesFor } from '../../packages/strongroom/src/crypto/provider.ts'
import { handleOf, type Id, newToken, renewedToken } from '../../packages/strongroom/src/crypto/token.ts'
import { cookieTransport } from '../../packages/strongroom/src/http/cookie.ts'
import { changesOf } from '../../packages/strongroom/src/session/changes.ts'
import {
  type Content,
  decodeContent,
  encodeContent,
  type Values,
} from '../../packages/strongroom/src/session/content.ts'
import { applyChanges, type Changes } from '../../packages/strongroom/src/session/merge.ts'
import { State } from '../../packages/strongroom/src/session/state.ts'
import { sessionOf } from '../data.ts'
import type { Case } from './case.ts'

/** The content of a logged-in session with 1 KB of data. */
export function contentOf(index: number): Content {
  const now = Date.now()
  const meta = { createdAt: now, authenticatedAt: now, deadline: now + 43_200_000, idle: 1_800_000, persistent: false }
  return { meta: { ...meta, userId: `user-${index}`, label: null }, data: JSON.stringify(sessionOf(index)) }
}

/** The steps of a request, one by one. */
export function parts(): Case[] {
  return [...cookies(), ...contents(), ...changes()]
}

function cookies(): Case[] {
  const ring = createLiveKeyring(randomBytes(32))
  const transport = cookieTransport()
  const token = newToken(ring, transport.name)
  const { text } = token
  const header = `theme=dark; _ga=GA1.1.1234567890.1700000000; ${transport.name}=${text}`
  const admitting = (memo: number) => {
    const limits = { timeout: 2000, maxSize: 65_536, memo, aead: createAead(primitivesFor('auto')) }
    const names = { namespace: transport.name, seal: 'two-key' } as const
    return serverBacking({ store: memory(), ring, clock: Date.now, ...names, ...limits }).verify
  }
  const [remembering, forgetting] = [admitting(2 ** 24), admitting(0)]
  remembering(text)
  return [
    { name: 'cookie header, ours among three', run: () => transport.read(header) },
    { name: 'token, parse', run: () => forgetting(text) },
    { name: 'token, parse, in the memo', run: () => remembering(text) },
    { name: 'token, new', run: () => newToken(ring, transport.name) },
    { name: 'token, renew', run: () => renewedToken(token, transport.name) },
  ]
}

function contents(): Case[] {
  const content = contentOf(7)
  const text = encodeContent(content).join('')
  return [
    { name: 'content, encode', run: () => encodeContent(content) },
    { name: 'content, decode (parses the JSON)', run: () => decodeContent(text) },
    { name: 'JSON.parse alone', run: () => JSON.parse(content.data) },
    { name: 'JSON.stringify alone', run: () => JSON.stringify(sessionOfSeven) },
  ]
}

const sessionOfSeven = sessionOf(7)

function changes(): Case[] {
  const one: Changes = { cleared: false, edits: new Map([['n', { kind: 'set', value: 1 }]]) }
  const newer = sessionOf(7) as unknown as Values
  const [untouched, lent, changed] = [stateOf([]), stateOf(['cart']), stateOf(['cart'])]
  changed.values.cart = []
  return [
    { name: 'merge one change into a newer copy', run: () => applyChanges(one, newer) },
    { name: 'find changes, no object was read', run: () => changesOf(untouched) },
    { name: 'find changes, an object was read', run: () => changesOf(lent) },
    { name: 'find changes, an object was changed in place', run: () => changesOf(changed) },
  ]
}

/** A session of which the application has read these keys. */
function stateOf(lent: readonly string[]): State {
  const content = contentOf(7)
  const now = Date.now()
  const cookie = { id: '' as Id, text: '' }
  const ref = { cookie, version: 1, expiresAt: now + 1_800_000 }
  const values = JSON.parse(content.data)
  const state = new State({ now, handleOf }, { ...content, values, shared: {}, ref })
  if (lent.length > 0) state.lent = new Set(lent)
  return state
}
