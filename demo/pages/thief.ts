import { type Request, Router } from 'express'
import { findByHandle } from '../../src/admin.ts'
import type { Session } from '../../src/index.ts'
import { cookieOf, showPage } from '../reply.ts'
import { linesOf } from '../shop/basket.ts'
import type { Vault, Visit } from '../vault.ts'
import { type Loot, thiefView } from '../views/thief.ts'

export function thiefPages(vault: Vault): Router {
  return Router().get('/thief', async (request, response) => {
    const session = await vault.sessions.get(request)
    const loot = await lootOf(vault, request, session)
    await showPage(vault, request, response, { title: 'What the thief sees', body: () => thiefView(loot, vault) })
  })
}

async function lootOf(vault: Vault, request: Request, session: Session<Visit>): Promise<Loot | null> {
  const cookie = cookieOf(vault, request)
  if (session.isNew || session.handle === null || cookie === undefined) return null
  const data = Object.fromEntries(session.keys().map((key) => [key, session.get(key)]))
  return { cookie, row: await rowOf(vault, session.handle), data, secrets: secretsIn(session) }
}

/**
 * The session's row as the store gives it out. Found by walking the store, for nothing public leads from a session to its
 * id: good enough for a demo, and for nothing else.
 */
async function rowOf({ store }: Vault, handle: string): Promise<Loot['row']> {
  const found = store && (await findByHandle(store, handle))
  const row = found && (await store.read(found.id))
  return row && { id: found.id, ...row }
}

/** What a thief would be glad to find. Two letters would turn up in random bytes by chance. */
function secretsIn(session: Session<Visit>): Loot['secrets'] {
  const basket = session.get('basket')
  const found = [
    { what: 'your note', text: basket?.note ?? '' },
    { what: 'your name', text: session.get('name') ?? '' },
    ...linesOf(basket).map(({ article }) => ({ what: 'in your basket', text: article.sku })),
  ]
  return found.filter(({ text }) => text.length > 2)
}
