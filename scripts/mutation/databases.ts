import { type Mutation, on } from './mutation.ts'

const SOURCE = 'packages/strongroom/src/engines/postgres'

const byPostgresJs = on('test/engines/postgres-js.test.ts', `${SOURCE}/postgres-js.ts`)
const inWords = on('test/engines/postgres-js.test.ts', `${SOURCE}/errors.ts`)

/** Mistakes with the client of postgres.js. */
export const databaseMutations: readonly Mutation[] = [
  byPostgresJs(
    'rows of postgres.js as the application parses them',
    '{ prepare: name !== undefined }).raw()',
    '{ prepare: name !== undefined }) as unknown as PostgresJsQuery',
  ),
  byPostgresJs(
    'a call of postgres.js that is sent after it was given up',
    '() => sent && cancelUnsent(sent)',
    '() => undefined',
  ),
  byPostgresJs('no count of rows from postgres.js', 'return { rowCount: rows.count,', 'return { rowCount: null,'),
  inWords('an ended client of postgres.js that is not named', "  CONNECTION_ENDED: 'The", "  CONNECTION_OVER: 'The"),
]
