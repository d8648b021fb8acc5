export interface Article {
  readonly sku: string
  readonly name: string
  /** In euro cents. */
  readonly price: number
  /** The number on its box in the wall. */
  readonly box: number
}

export const catalogue: readonly Article[] = [
  { sku: 'brass-padlock', name: 'Brass padlock', price: 1800, box: 101 },
  { sku: 'skeleton-key', name: 'Skeleton key', price: 650, box: 102 },
  { sku: 'cash-box', name: 'Cash box', price: 3400, box: 103 },
  { sku: 'vault-dial', name: 'Vault dial', price: 5200, box: 104 },
  { sku: 'ruled-ledger', name: 'Ruled ledger', price: 2100, box: 105 },
  { sku: 'night-lantern', name: 'Night lantern', price: 4750, box: 106 },
]

const bySku = new Map(catalogue.map((article) => [article.sku, article]))

export const articleOf = (sku: unknown): Article | undefined => bySku.get(String(sku))

const euros = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' })

export const priceOf = (cents: number): string => euros.format(cents / 100)
