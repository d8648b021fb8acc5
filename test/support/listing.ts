import type { Listing, OwnerIndex } from '../../packages/strongroom/src/store.ts'

/** The whole list as one page, which is read by one call. */
export function inOneStep(list: (owner: string) => Promise<readonly Listing[]>): OwnerIndex['list'] {
  return async function* (owner) {
    const page = await list(owner)
    if (page.length > 0) yield page
  }
}
