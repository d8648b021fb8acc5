import { parseRedisUrl, type RedisAddress } from 'strongroom/internal'

/** The address in a URL that has no options of Strongroom's own store: here nobody would read them. Throws `ConfigError`. */
export const addressIn = (caller: string, url: string): RedisAddress =>
  parseRedisUrl(url, { caller, options: [] }).address
