// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources
import { type Mutation, on } from './mutation.ts'

const source = (file: string) => `packages/strongroom/src/${file}.ts`
const dropIn = (file: string) => on('test/express-session/drop-in.test.ts', source(`express-session/${file}`))
const over = (file: string) => on('test/express-session/coming-over.test.ts', source(`express-session/${file}`))
const same = (file: string) => on('test/express-session/differential.test.ts', source(`express-session/${file}`))

const attacked = (file: string) => on('test/express-session/attacked.test.ts', source(`express-session/${file}`))

/** Mistakes of the drop-in for express-session. */
export const expressSessionMutations: readonly Mutation[] = [
  same('session-cookies')('a visitor who gets a session that was saved, and then unset', ' && !isUnset', ''),
  dropIn('visit')('a req.session that sessions.get(request) does not know', '      .then(() => this.#compare())\n', ''),
  dropIn('visit')(
    'a value of sessions.get(request) that req.session undoes',
    'this.#known = isShared ? state.values : copyOf(state.values)',
    'this.#known = state.values',
  ),
  dropIn('visit')('a session id that is the token', 'state.handleOf(id)', "this.#state.ref?.cookie.text ?? ''"),
  dropIn('visit')(
    'a session id that changes when the session is stored',
    'if (!ref) state.identity ??= this.#context.backing.newIdentity?.() ?? null',
    'if (!ref) state.identity = this.#context.backing.newIdentity?.() ?? null',
  ),
  dropIn('visit')('a session object that loses its id', 'retire(shown, this.#handle())\n', ''),
  dropIn('visit')(
    'an id that survives regenerate',
    'await this.#endNow(shown)\n      this.#state.identity = this.#provisional = null',
    'await this.#endNow(shown)',
  ),
  dropIn('session-cookies')(
    'a quirk that is ignored',
    "outcome.setCookie === null || quirks.has('keeps-cookie')",
    'outcome.setCookie === null',
  ),
  dropIn('visit')(
    'a response that is sent unsaved without being asked',
    "if (!this.#settings.quirks.has('sends-unsaved'))",
    'if (false as boolean)',
  ),
  dropIn('visit')('an error that nobody hears of', 'failAfter(this.#responding, error)\n    return', 'return'),
  dropIn('visit')(
    'an outage that fails a page that only reads a stand-in',
    'if (state.isReadOnly && edits.length === 0) return shown\n',
    '',
  ),
  dropIn('session-cookies')('a session of no length', 'if (idle <= 0) return false', 'if (idle < -1e9) return false'),
  dropIn('session-cookies')(
    'a maxAge of its own that is forgotten',
    'if (attributes) Object.assign(cookie, attributes)\n',
    '',
  ),
  dropIn('end')(
    'a change after the first byte that is lost',
    'visit.hasFailed ? null : beforeEnd(visit)',
    'null as Promise<boolean> | null',
  ),
  dropIn('end')(
    'an error page that never ends',
    'if (ending.isHeld && !visit.hasFailed) return false',
    'if (ending.isHeld) return false',
  ),
  same('end')('a second end that breaks the response', 'if (hasEnded(response)) return false\n', ''),
  dropIn('session-cookies')(
    'a session that lives no longer than all others, whatever its maxAge is',
    "typeof originalMaxAge === 'number' ? originalMaxAge : this.#settings.idle",
    'this.#settings.idle',
  ),
  dropIn('visit')(
    'a session for each visitor, although nothing was set',
    'if (isNew && !this.#modified && !this.#settings.saveUninitialized) return shown',
    '',
  ),
  dropIn('visit')(
    'a save after the response that saves nothing',
    '      known = carriedOver(edits, session, this.#known)',
    '',
  ),
  dropIn('edits')(
    'a cycle that is stored',
    '    throw new DataError(\n',
    '    if (value !== undefined) return undefined\n    throw new DataError(\n',
  ),
  dropIn('options')('a genid that is ignored', 'if (genid !== undefined) throw new ConfigError(GENID)\n', ''),
  dropIn('options')('a weak secret in production', "process.env.NODE_ENV === 'production' || !", '!'),
  dropIn('options')('a short secret without a warning', "  warn(\n    'The secret", "  String(\n    'The secret"),
  dropIn('options')('a warning for each site', 'if (warned.has(message)) return\n', ''),
  dropIn('options')(
    'an error page that saves nothing',
    'options.saveOnServerError ?? true',
    'options.saveOnServerError ?? false',
  ),
  dropIn('options')(
    'an absolute limit that express-session does not have',
    'absolute === undefined ? LONGEST',
    'absolute === undefined ? 43_200_000',
  ),
  dropIn('session')(
    'rolling that extends now and then',
    'touchShare: rolling ? 0 : undefined',
    'touchShare: undefined',
  ),
  dropIn('session')('resave that is ignored', 'resaves: resave', 'resaves: false'),
  dropIn('session')(
    'a middleware that needs a response',
    "typeof response.writeHead === 'function' ?",
    'response !== null ?',
  ),
  dropIn('store')(
    'a store that opens what it cannot',
    'throw new UnsupportedError(sealed(method))',
    'return { read: async () => null } as never',
  ),
  dropIn('store')('a session that its id does not end', 'else await this.#served().revoke(id)', ''),
  over('session-cookies')(
    'an adopted session that ends although it is used',
    'if (isAdopted) session.setExpiry({ idle: wanted, absolute: this.#policy.absolute })',
    'if (isAdopted) session.setExpiry({ idle: wanted })',
  ),
  dropIn('session-cookies')(
    'a login to be remembered that is forgotten',
    'meta.authenticatedAt === null\n',
    'meta.idle === 0\n',
  ),
  dropIn('session-cookies')('a lifetime of setExpiry that the cookie undoes', '(lifetime !== null || (meta', '((meta'),
  dropIn('visit')(
    'an error page that sends a cookie without attributes',
    'return after(super.commit(status), (outcome) => this.#withCookie(outcome, this.#shown))',
    'return super.commit(status)',
  ),
  dropIn('options')(
    'a maxAge above the absolute limit that is a mistake',
    'Math.min(cookie.maxAge, longest)',
    'cookie.maxAge',
  ),
  dropIn('session-cookies')('a secure cookie that is not sent, and nobody knows why', '      warnOfSecure(name)\n', ''),
  same('cookie')('a cookie without its expiry', '...(expires && { expires }),', ''),
  same('request')('a proxy that is trusted without being told', 'if (proxy === undefined) return secure === true', ''),
  same('session-cookies')(
    'a secure cookie over http',
    'if (sent.secure && !isOverTls(this.#request, proxy)) {',
    'if (false as boolean) {',
  ),
  same('visit')('a cookie with each response', 'rolling || (this.#modified && cookie?.expires != null)', 'true'),
  same('visit')('no cookie for a change', '(this.#modified && cookie?.expires != null)', 'false'),
  same('options')('a cookie in quotes that is not read', '.map(unquoted)', ''),
  attacked('session-cookies')(
    'a cookie that cannot be sent, and is saved',
    "cookie.serialize(this.#settings.name, '')\n",
    '',
  ),
  attacked('session-cookies')('a cookie of no length', 'assertCookie(cookie)\n', ''),
  attacked('reply')('a promise that ends the process', 'result.catch(() => undefined)\n', ''),
  attacked('visit')('an old id that names the session after a login', '(id) => handleOf(id) === handle', '() => true'),
  attacked('visit')('a dead cookie over that of a login', '!this.wasMissed && ', ''),
  attacked('visit')('a change after reload() that is compared with what was before', 'await this.#loadFresh()\n', ''),
  attacked('visit')(
    'a session that is unset too late to end',
    'this.request.session == null && this.#settings.destroysUnset',
    'false as boolean',
  ),
  attacked('end')('an error that is thrown at a pipe', '    return Promise.reject(error)\n', '    throw error\n'),
  attacked('request-session')(
    'a callback that is no function, and ends the process',
    "typeof callback === 'function') return",
    'callback) return',
  ),
  attacked('visit')(
    'a failed save after the response that counts as done',
    '      known = carriedOver(edits, session, this.#known)',
    '      this.#known = known = carriedOver(edits, session, this.#known)',
  ),
  attacked('visit')('a stand-in that seems to have ended', 'if (isToldLater) this.#tell(error)\n', ''),
  attacked('stored')(
    'a late save that a cookie would have to carry',
    'if (stateOf(session).ref?.cookie.text !== before) throw new SessionClosedError(NEEDS_RESPONSE)\n',
    '',
  ),
  attacked('end')(
    'two sessions that end one response in turn, for ever',
    'if (ENDING in response)',
    'if (false as boolean)',
  ),
  attacked('session')(
    'two sessions in one request',
    'if (served?.sessions.attach(request, visit) === false) {',
    'if (served?.sessions.attach(request, visit) === undefined) {',
  ),
  attacked('store')(
    'visitors without a session who push out others',
    'const live = isStored ? this.#stored : this.#new',
    'const live = this.#stored',
  ),
  on('test/express-session/attacked.test.ts', source('adapters/node/hold'))(
    'an error page that waits for ever, because its cookie cannot be made',
    '    } catch {}\n',
    '    } finally {\n    }\n',
  ),
]
