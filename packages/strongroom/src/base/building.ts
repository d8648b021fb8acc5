/**
 * Is a framework building the application, which loads its modules and renders pages, often without the secrets of the server? Known of
 * Next and of SvelteKit's workers: other frameworks tell only their own modules.
 */
export const isBuilding = (): boolean =>
  process.env.NEXT_PHASE === 'phase-production-build' || process.env.SVELTEKIT_FORK === 'true'
