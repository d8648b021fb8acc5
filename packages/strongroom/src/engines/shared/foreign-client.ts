import { insteadOf } from '../../base/check.ts'

/** Query builders and other drivers that are often at hand where a driver's client is wanted, by what only they have. */
const KNOWN: readonly (readonly [name: string, sign: string, instead: string])[] = [
  ['Drizzle', '$client', 'Pass its driver: db.$client, if that is what it was made with.'],
  ['Kysely', 'selectFrom', 'Pass the pool that its dialect was made with.'],
  ['Knex', 'withUserParams', 'Pass the pool that it was given as "connectionPool", or the URL.'],
  ['postgres.js', 'unsafe', 'It is for postgres().'],
  ['Prisma', '$queryRaw', 'Pass the URL, or a pool of the driver.'],
  ['Sequelize', 'getQueryInterface', 'Pass the URL, or a pool of the driver.'],
  ['TypeORM', 'createQueryRunner', 'Pass the URL, or a pool of the driver.'],
]

/** What was handed in instead of a client, and what to write, as a sentence after a space; empty for anything else. */
export function insteadOfClient(given: unknown): string {
  if ((typeof given !== 'object' && typeof given !== 'function') || given === null) return ''
  const found = KNOWN.find(([, sign]) => sign in given)
  return found ? ` It got ${found[0]}. ${found[2]}` : insteadOf(given)
}

export const hasMethods = (given: unknown, ...names: readonly string[]): boolean =>
  typeof given === 'object' &&
  given !== null &&
  names.every((name) => typeof (given as Readonly<Record<string, unknown>>)[name] === 'function')
