/** CI explores everything. Elsewhere a part of it has to do. */
export const IS_FULL = process.env.STRONGROOM_INTERLEAVINGS === 'full'
