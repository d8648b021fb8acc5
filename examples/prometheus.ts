import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { BaseSessions, SessionEvent } from 'strongroom'

/** In seconds, up to the time limit of a store call, which is 2 s by default. */
const BUCKETS = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5]

/** What an alert waits for. It has to be 0 before it happens, or the first time would not count as an increase. */
const FROM_ZERO: readonly SessionEvent['type'][] = [
  'storeError',
  'rejected',
  'superseded',
  'reused',
  'proofRefused',
  'signal',
  'guessing',
  'anonymousRefused',
  'loginFailed',
  'mismatch',
  'gone',
  'limit',
  'created',
]

/** Counts what happens to these sessions. Call it once for each `createSessions`; returns what stops it. */
export function sessionMetrics<Data extends object>(sessions: BaseSessions<Data>, register: Registry): () => void {
  const registers = [register]
  const events = new Counter({
    name: 'strongroom_session_events_total',
    help: 'What happened to sessions, by type.',
    labelNames: ['type'],
    registers,
  })
  const rejected = new Counter({
    name: 'strongroom_rejected_total',
    help: 'Cookies, records and requests that were refused, by reason.',
    labelNames: ['what', 'reason'],
    registers,
  })
  const ended = new Counter({
    name: 'strongroom_sessions_ended_total',
    help: 'Sessions that were ended on purpose, by reason.',
    labelNames: ['reason'],
    registers,
  })
  const cleared = new Counter({
    name: 'strongroom_sessions_cleared_total',
    help: 'Expired sessions that were removed from the store.',
    registers,
  })
  const swept = new Gauge({
    name: 'strongroom_last_sweep_timestamp_seconds',
    help: 'When this process last cleared expired sessions, or when it started.',
    registers,
  })
  const calls = new Histogram({
    name: 'strongroom_store_call_duration_seconds',
    help: 'How long calls of the session store took, by method and result.',
    labelNames: ['method', 'result'],
    buckets: BUCKETS,
    registers,
  })
  for (const type of FROM_ZERO) events.inc({ type }, 0)
  swept.setToCurrentTime()

  const { stop } = sessions.observe({
    event(event) {
      events.inc({ type: event.type })
      if (event.type === 'rejected') rejected.inc({ what: event.what, reason: event.reason })
      if (event.type === 'revoked') ended.inc({ reason: event.reason }, event.count)
      if (event.type !== 'cleared') return
      cleared.inc(event.count)
      swept.setToCurrentTime()
    },
    call(method, ms, failed) {
      calls.observe({ method, result: failed ? 'failed' : 'ok' }, ms / 1000)
    },
  })
  return stop
}
