import { type Article, catalogue } from './catalogue.ts'

/** What rests in the session: how many of each, and a note of the customer's own. Plain JSON. */
export interface Basket {
  readonly counts: Readonly<Record<string, number>>
  readonly note: string
}

export interface Line {
  readonly article: Article
  readonly count: number
}

export const MOST = 99
export const NOTE_LENGTH = 200

const EMPTY: Basket = { counts: {}, note: '' }

/**
 * Changes for `session.update('basket', ...)`: functions of the basket that is there, so that of two additions at the same
 * moment none is lost. Undefined, and the key is gone, when nothing is left.
 */
export const withMore = (sku: string) => (basket: Basket | undefined) => counted(basket, sku, 1)
export const withFewer = (sku: string) => (basket: Basket | undefined) => counted(basket, sku, -1)
export const withNote =
  (note: string) =>
  (basket: Basket | undefined): Basket | undefined =>
    orNothing({ ...(basket ?? EMPTY), note })

export const linesOf = (basket: Basket | undefined): Line[] =>
  catalogue.flatMap((article) => {
    const count = basket?.counts[article.sku]
    return count ? [{ article, count }] : []
  })

export const countOf = (basket: Basket | undefined): number =>
  linesOf(basket).reduce((sum, { count }) => sum + count, 0)

export const totalOf = (basket: Basket | undefined): number =>
  linesOf(basket).reduce((sum, { article, count }) => sum + count * article.price, 0)

function counted(basket: Basket = EMPTY, sku: string, by: number): Basket | undefined {
  const { [sku]: before = 0, ...others } = basket.counts
  const count = Math.min(before + by, MOST)
  return orNothing({ ...basket, counts: count > 0 ? { ...others, [sku]: count } : others })
}

function orNothing(basket: Basket): Basket | undefined {
  return basket.note === '' && Object.keys(basket.counts).length === 0 ? undefined : basket
}
