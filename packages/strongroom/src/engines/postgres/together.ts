import { type Carrier, Together } from '../shared/batcher.ts'
import { type Answer, type Request, send } from './client.ts'
import { isOfOne, tooLate } from './failure.ts'
import { isLean, sendLean } from './lean.ts'
import type { Held, PoolLink } from './pool.ts'

/** A request about one row, which may go together with others of its statement. */
export type RowRequest = Request & { readonly key: number }

export function isRowRequest(request: Request): request is RowRequest {
  return request.key !== undefined
}

/**
 * For the requests of one statement. One that only reads is asked again whatever went wrong: otherwise many visitors would
 * pay for one connection that is lost.
 */
export function togetherOn(link: PoolLink, text: string): Together<RowRequest, Answer> {
  const reads = text.startsWith('SELECT')
  return new Together({
    carrier: (done) => link.checkOut((error, held) => done(error, held && carrierOn(held))),
    alone: (request, limit) => link.ask(request, limit),
    isOfOne: (error) => reads || isOfOne(error),
    tooLate,
    keyOf: ({ values, key }) => values[key] as Buffer,
    sizeOf: ({ values }) => values.reduce<number>((sum, each) => sum + (Buffer.isBuffer(each) ? each.length : 0), 0),
  })
}

/** As one message; or by the driver's own means, and then one request at a time. */
function carrierOn({ client, release }: Held): Carrier<RowRequest, Answer> {
  if (!isLean(client)) {
    const sendOne: Carrier<RowRequest, Answer>['send'] = ([request], done) =>
      send(client, request as RowRequest, (error, answer) => done(error, answer && [answer]))
    return { most: 1, send: sendOne, release }
  }
  return {
    send(requests, done) {
      const { name, text } = requests[0] as RowRequest
      sendLean(client, { name, text, each: requests.map(({ values }) => values) }, done)
    },
    release,
  }
}
