import { need } from '../support/need.ts'

export { type PostgresServer, saysReady, startPostgres } from '../../packages/cli/src/lab/servers/postgres.ts'

export const postgresNeed = need('postgres')
