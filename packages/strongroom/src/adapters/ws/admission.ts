import type { IncomingMessage } from 'node:http'
import { SessionEndedError } from '../../errors.ts'
import type { CsrfPolicy, CsrfRequest } from '../../http/csrf.ts'
import { type HeaderSource, header } from '../../http/headers.ts'
import type { Session } from '../../session/session.ts'
import type { BaseSessions } from '../../sessions.ts'
import { nodeFacts } from '../node/facts.ts'
import { fetchFacts } from '../shared/fetch-facts.ts'

/** A request of Node, or a Fetch one. */
export type UpgradeRequest = IncomingMessage | Request

/** Resolves to the read-only session of a connection that may be opened. */
export type Admit<Data extends object> = (request: UpgradeRequest) => Promise<Session<Data>>

/**
 * Rejects with `CsrfError` for a page of another site, with `SessionEndedError` for a visitor who is not signed in, unless that is
 * allowed, and with `StoreError` when nobody can tell.
 */
export function admission<Data extends object>(
  sessions: BaseSessions<Data>,
  policy: CsrfPolicy,
  anonymous: boolean,
): Admit<Data> {
  return async function admit(request) {
    await sessions.checkCsrf(request, factsOf(request), policy)
    const visit = sessions.open(request.headers as HeaderSource)
    // With a stand-in, as the option `onStoreError` may allow pages, an outage would sign everybody out here.
    const session = await visit.read({ onStoreError: 'throw' })
    // So that `sessions.get(request)` works; behind an adapter, it does already.
    sessions.attach(request, visit)
    if (session.userId === null && !anonymous) throw new SessionEndedError('signed-out')
    return session
  }
}

/**
 * A connection is judged as a form is, although a GET opens it: its page may read and write with the visitor's session. Only the polling
 * of socket.io is also opened by browsers that then say nothing of where the page is from; another site's page cannot read what it gets,
 * unless it is a script (JSONP).
 */
function factsOf(request: UpgradeRequest): CsrfRequest {
  const facts = isFetch(request) ? fetchFacts(request) : nodeFacts(request, undefined)
  const says = (name: string) => header(facts.headers, name) !== undefined
  const isPolling = !isFetch(request) && !says('upgrade') && !says(':protocol') && !isScript(request)
  return isPolling && !says('origin') && !says('sec-fetch-site') ? facts : { ...facts, method: 'POST' }
}

/** By this parameter, engine.io makes its response a script, which the pages of all sites may run. */
const isScript = ({ url = '' }: IncomingMessage) => new URLSearchParams(url.slice(url.indexOf('?') + 1)).has('j')

const isFetch = (request: UpgradeRequest): request is Request => typeof request.headers.get === 'function'
