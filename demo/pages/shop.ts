import { type Request, Router } from 'express'
import type { Session } from 'strongroom'
import { goTo, showPage } from '../reply.ts'
import { NOTE_LENGTH, withFewer, withMore, withNote } from '../shop/basket.ts'
import { type Article, articleOf } from '../shop/catalogue.ts'
import type { Vault, Visit } from '../vault.ts'
import { shopView } from '../views/shop.ts'

export function shopPages(vault: Vault): Router {
  const pages = Router()

  /** A form that changes the basket and redirects to the shop. */
  const onForm = (path: string, change: (session: Session<Visit>, request: Request) => void) =>
    pages.post(path, async (request, response) => {
      change(await vault.sessions.get(request), request)
      goTo(vault, request, response, '/')
    })

  const onArticle = (path: string, change: (session: Session<Visit>, article: Article) => void) =>
    onForm(path, (session, request) => {
      const article = articleOf(request.body?.sku)
      if (article) change(session, article)
    })

  pages.get('/', (request, response) =>
    showPage(vault, request, response, { title: 'Shop', body: (session) => shopView(session) }),
  )
  onArticle('/basket/add', (session, article) => {
    session.update('basket', withMore(article.sku))
    session.flash('notice', `${article.name} added to your basket.`)
  })
  onArticle('/basket/remove', (session, article) => {
    session.update('basket', withFewer(article.sku))
    session.flash('notice', `${article.name} taken out of your basket.`)
  })
  onForm('/basket/note', (session, request) => {
    session.update(
      'basket',
      withNote(
        String(request.body?.note ?? '')
          .trim()
          .slice(0, NOTE_LENGTH),
      ),
    )
    session.flash('notice', 'Your note is saved.')
  })
  onForm('/basket/empty', (session) => {
    session.delete('basket')
    session.flash('notice', 'Your basket is empty.')
  })
  return pages
}
