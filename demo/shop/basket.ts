import { type Article, catalogue } from './catalogue.ts'

/** What is stored in the session: how many of each article, and a note of the customer's. Plain JSON. */
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
 * Changes for `session.update('basket', ...)`: functions of the current basket, so that two additions at the same moment both
 * count. They return undefined, which removes the key, when nothing is left.
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
