import { need } from '../support/need.ts'

export { type MemcachedServer, startMemcached } from '../../packages/cli/src/lab/servers/memcached.ts'

export const memcachedNeed = need('memcached')
