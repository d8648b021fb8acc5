import type { ServerResponse } from 'node:http'
import type { SessionEndedError } from '../../errors.ts'
import type { Watch } from '../../request/watcher.ts'
import type { AnySession } from '../../session/session.ts'
import { ENDED_EVENT, GRACE, type Watching } from './socket.ts'

/** After an empty line, which ends what may have been written before it. */
const lastEvent = ({ reason }: SessionEndedError) =>
  `\n\nevent: ${ENDED_EVENT}\ndata: ${JSON.stringify({ reason })}\n\n`

/** Ends a response of Node with its session. */
export function watchResponse({ watcher, told }: Watching, session: AnySession, response: ServerResponse): Watch {
  const watch = watcher.watch(session, (end) => {
    told(end, response)
    endResponse(response, end)
  })
  if (response.destroyed || response.closed) watch.stop()
  else response.once('close', () => watch.stop())
  void watch.check()
  return watch
}

function endResponse(response: ServerResponse, end: SessionEndedError): void {
  // Half of something else must not look like all of it.
  if (!response.headersSent || !isEventStream(response)) return void response.destroy()
  // What the application writes until it notices would be an error that ends the process.
  response.on('error', () => {})
  response.end(lastEvent(end))
  setTimeout(() => response.destroy(), GRACE).unref()
}

const isEventStream = (response: ServerResponse) =>
  /^text\/event-stream\b/i.test(String(response.getHeader('content-type')))

/** The same stream of events, which ends with the session. */
export function watchStream(
  { watcher, told }: Watching,
  session: AnySession,
  stream: ReadableStream<Uint8Array>,
): ReadableStream<Uint8Array> {
  const reader = stream.getReader()
  let watch: Watch | undefined
  let isOver = false
  const begin = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    const begun = watcher.watch(session, (end) => {
      isOver = true
      told(end, stream)
      controller.enqueue(new TextEncoder().encode(lastEvent(end)))
      controller.close()
      reader.cancel(end).catch(() => undefined)
    })
    void begun.check()
    return begun
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        // Not before somebody reads: a body that is dropped, as for HEAD or for an error page, is not cancelled, and would be watched for as
        // long as its session lives.
        watch ??= begin(controller)
        if (isOver) return
        try {
          const { done, value } = await reader.read()
          if (isOver) return
          if (!done) return controller.enqueue(value)
          controller.close()
        } catch (error) {
          if (!isOver) controller.error(error)
        }
        isOver = true
        watch.stop()
      },
      cancel(reason) {
        isOver = true
        watch?.stop()
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}
