import { type Request, Router } from 'express'
import type { Session } from 'strongroom'
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
  return { cookie, row: await rowOf(vault, cookie), data, secrets: secretsIn(session) }
}

/** The session's row as the store returns it. A thief would not know whose it is; this page has the keys, too. */
async function rowOf({ store, idOf }: Vault, cookie: string): Promise<Loot['row']> {
  const id = idOf(cookie)
  const row = store && id && (await store.read(id))
  return row ? { id, ...row } : null
}

/** What a thief would like to find. Two letters would appear in random bytes by chance. */
function secretsIn(session: Session<Visit>): Loot['secrets'] {
  const basket = session.get('basket')
  const found = [
    { what: 'your note', text: basket?.note ?? '' },
    { what: 'your name', text: session.get('name') ?? '' },
    ...linesOf(basket).map(({ article }) => ({ what: 'in your basket', text: article.sku })),
  ]
  return found.filter(({ text }) => text.length > 2)
}
