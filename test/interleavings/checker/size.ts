import assert from 'node:assert/strict'

const SIZES = ['short', 'ci', 'all']
const { STRONGROOM_INTERLEAVINGS: asked = 'short' } = process.env
const size = SIZES.indexOf(asked)
assert.ok(size >= 0, `STRONGROOM_INTERLEAVINGS is one of ${SIZES.join(', ')}`)

/** How much is explored: by `npm test`, by CI, and by those who change the protocol. */
export type Sizes = readonly [short: number, ci: number, all: number]

export const sized = (sizes: Sizes): number => sizes[size] as number
