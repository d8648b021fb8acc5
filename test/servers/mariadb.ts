import { need } from '../support/need.ts'

export { type MariadbServer, startMariadb } from '../../packages/cli/src/lab/servers/mariadb.ts'

export const mariadbNeed = need('mariadbd')
