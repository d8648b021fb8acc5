/** The session that every contender stores: what a shop would put into it, 1 KB as JSON. */
export interface Data {
  index: number
  name: string
  n: number
  csrf: string
  theme: string
  cart: { sku: string; title: string; quantity: number; price: number }[]
  note: string
}

/** As our sessions are typed. */
export type Values = Data & Record<string, unknown>

const SIZE = 1024

export const nameOf = (index: number) => `Ada Lovelace ${index}`
export const userOf = (index: number) => `user-${index}`

/** A session of a visitor who has signed in, for libraries that have no login: an application stores the user's id with the data. */
export const signedIn = (index: number) => ({ user: userOf(index), ...sessionOf(index) })

/** Different for each index, so that a response with another visitor's data is noticed; always 1024 bytes. */
export function sessionOf(index: number): Data {
  const data: Data = {
    index,
    name: nameOf(index),
    n: 0,
    csrf: 'kYz0p3u1WfQmT7dVbNcR9sXeLhGjAoI2wq5yU8rB4tE',
    theme: 'dark',
    cart: [1, 2, 3, 4, 5].map((item) => ({
      sku: `SKU-${index}-${item}`,
      title: `Difference engine, wheel ${item}`,
      quantity: item,
      price: 1999 * item,
    })),
    note: '',
  }
  data.note = 'x'.repeat(SIZE - JSON.stringify(data).length)
  return data
}
