import { html } from 'hono/html'
import type { Session } from 'strongroom'
import { type Basket, type Line, linesOf, MOST, NOTE_LENGTH, totalOf } from '../shop/basket.ts'
import { type Article, catalogue, priceOf } from '../shop/catalogue.ts'
import type { Visit } from '../vault.ts'
import { drawingOf, keyholes } from './drawings.ts'
import type { Html } from './html.ts'

export function shopView(session: Session<Visit>): Html {
  return html`<div class="shop">
    <section aria-labelledby="title">
      <h1 id="title">Fill a basket</h1>
      <p class="lead">
        It is stored in your session. Add from two tabs in parallel, sign in, restart the server: it stays as you left it. Then
        see what <a href="/thief">a thief</a> could do with it.
      </p>
      <ul class="wall">${catalogue.map(boxView)}</ul>
    </section>
    ${basketView(session)}
  </div>`
}

function boxView({ sku, name, price, box }: Article): Html {
  return html`<li class="box">
    <span class="plate" aria-hidden="true">${box}</span>${keyholes}
    ${drawingOf(sku)}
    <h2>${name}</h2>
    <p class="price">${priceOf(price)}</p>
    ${articleForm('/basket/add', sku, html`<button class="brass">Add<span class="unseen"> ${name} to the basket</span></button>`)}
  </li>`
}

function basketView(session: Session<Visit>): Html {
  const basket = session.get('basket')
  const lines = linesOf(basket)
  return html`<aside class="basket panel" id="basket" aria-labelledby="basket-title">
    <h2 id="basket-title">Your basket</h2>
    ${lines.length === 0 ? html`<p class="soft">Nothing in it yet.</p>` : filledView(basket, lines)}
    <form class="note" method="post" action="/basket/note">
      <label for="note">A note for the parcel</label>
      <textarea id="note" name="note" rows="2" maxlength="${NOTE_LENGTH}" placeholder="Something only you should know"
        aria-describedby="note-hint">${basket?.note}</textarea>
      <p class="hint" id="note-hint">Write a secret, then look for it in what <a href="/thief">the thief</a> sees.</p>
      <button class="quiet">Keep the note</button>
    </form>
    ${lines.length > 0 && session.userId === null && html`<p class="hint"><a href="/sign-in">Sign in</a>: the basket comes along.</p>`}
  </aside>`
}

function filledView(basket: Basket | undefined, lines: readonly Line[]): Html {
  return html`<ul class="lines">${lines.map(lineView)}</ul>
    <p class="total"><span>Total</span> <strong>${priceOf(totalOf(basket))}</strong></p>
    <form class="empty" method="post" action="/basket/empty"><button class="plain">Empty the basket</button></form>`
}

function lineView({ article: { sku, name, price }, count }: Line): Html {
  const full = count >= MOST
  return html`<li>
    <span class="what">${name}</span>
    <span class="stepper">
      ${articleForm('/basket/remove', sku, html`<button class="step" aria-label="One ${name} less">−</button>`)}
      <output aria-label="How many">${count}</output>
      ${articleForm('/basket/add', sku, html`<button class="step" aria-label="One more ${name}" ${full && 'disabled'}>+</button>`)}
    </span>
    <span class="sum">${priceOf(count * price)}</span>
  </li>`
}

function articleForm(action: string, sku: string, button: Html): Html {
  return html`<form method="post" action="${action}"><input type="hidden" name="sku" value="${sku}">${button}</form>`
}
