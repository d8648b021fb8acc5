import { parseRedisUrl } from 'strongroom/internal'

/** The address in a URL that has no options of Strongroom's own store: here nobody would read them. Throws `ConfigError`. */
export const addressIn = (caller: string, url: string) => parseRedisUrl(url, { caller, options: [] }).address
