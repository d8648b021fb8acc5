import type { MeterProvider, TracerProvider } from '@opentelemetry/api'
import { booleanOption, checkOptions } from '../base/check.ts'
import { ConfigError } from '../errors.ts'
import type { BaseSessions } from '../sessions.ts'
import { Instrumentation } from './instrumentation.ts'
import { Metrics } from './metrics.ts'
import { NAMESPACE } from './names.ts'
import { Spans } from './spans.ts'
import { systemOf } from './system.ts'

/** Options of `instrument`. */
export interface InstrumentOptions {
  /** Default: the one that is registered, also if that happens later. */
  readonly tracerProvider?: TracerProvider | undefined
  /** Default: the one that is registered, also if that happens later. */
  readonly meterProvider?: MeterProvider | undefined
  /** Make spans only below another one, such as that of a request? Default true; false also for what happens in the background. */
  readonly requireParentSpan?: boolean | undefined
  /**
   * Put the session's handle on the spans of loads and saves, as `session.id`? Default false: who sees the traces could follow one visitor
   * through them. It costs a hash for each load.
   */
  readonly sessionId?: boolean | undefined
  /** What `db.system.name` says, where the engine does not tell: `mariadb`, `cockroachdb`, the database of a store of your own. */
  readonly system?: string | undefined
}

const KNOWN = ['tracerProvider', 'meterProvider', 'requireParentSpan', 'sessionId', 'system'] as const

/**
 * Makes spans and metrics of the sessions of one `createSessions`, by the semantic conventions of OpenTelemetry. Returns what stops it.
 * Throws `ConfigError` for what is not sessions, and for a wrong option.
 */
export function instrument<Data extends object>(
  sessions: BaseSessions<Data>,
  options: InstrumentOptions = {},
): () => void {
  if (typeof sessions?.observe !== 'function')
    throw new ConfigError(
      'instrument() takes sessions: const sessions = createSessions({ … }), then instrument(sessions).',
    )
  checkOptions('instrument()', options, KNOWN)
  const { tracerProvider, meterProvider, system } = options
  const sessionId = booleanOption('instrument(): sessionId', options.sessionId, false)
  const requireParentSpan = booleanOption('instrument(): requireParentSpan', options.requireParentSpan, true)
  checkProvider('tracerProvider', tracerProvider, 'getTracer')
  checkProvider('meterProvider', meterProvider, 'getMeter')
  if (system !== undefined && (typeof system !== 'string' || system === ''))
    throw new ConfigError("instrument(): system must be a name of the conventions, such as 'mariadb'.")
  // Before the sessions are observed: a provider may throw here, and then nothing may stay behind.
  const spans = new Spans({ tracerProvider, requireParentSpan, sessionId })
  const { stop, store, namespace } = sessions.observe({
    event: (event) => instrumentation.event(event),
    around: (what, name, run) => instrumentation.around(what, name, run),
    handles: sessionId,
  })
  const always = { [NAMESPACE]: namespace }
  const instrumentation = new Instrumentation({
    spans,
    metrics: new Metrics(meterProvider, always),
    system: systemOf(store, system),
    always,
  })
  return stop
}

function checkProvider(name: string, given: unknown, method: string): void {
  if (given === undefined || typeof (given as Record<string, unknown> | null)?.[method] === 'function') return
  throw new ConfigError(`instrument(): ${name} must be a provider of an OpenTelemetry SDK, with a method ${method}.`)
}
