import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  type Span,
  type SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'
import type { SessionEvent } from '../events.ts'
import { errorTypeOf, messageOf } from './failure.ts'
import { reasonOf } from './metrics.ts'
import * as names from './names.ts'

export interface SpanSettings {
  readonly tracerProvider: TracerProvider | undefined
  readonly requireParentSpan: boolean
  readonly sessionId: boolean
}

/** A span to be made, and a measurement. */
export interface Planned {
  readonly what: 'load' | 'save' | 'call'
  readonly name: string
  readonly kind: SpanKind
  readonly attributes: Attributes
}

/** A span that is recorded, and the context of what happens in it. */
export interface Begun {
  readonly span: Span
  readonly within: Context
}

/** Spans of loads, saves and store calls, below the span that is active. */
export class Spans {
  readonly #tracer: Tracer
  readonly #settings: SpanSettings
  /** The span of the load or save that is under way, of these sessions. */
  readonly #noted = createContextKey('strongroom: load or save')

  constructor(settings: SpanSettings) {
    this.#settings = settings
    const provider = settings.tracerProvider ?? trace.getTracerProvider()
    this.#tracer = provider.getTracer(names.SCOPE, names.VERSION, { schemaUrl: names.SCHEMA_URL })
  }

  /** Would a span that begins now be recorded, as far as that can be told without making it? */
  get isWanted(): boolean {
    const parent = trace.getActiveSpan()
    if (!parent) return !this.#settings.requireParentSpan
    // A remote parent does not record here, and its trace may be sampled all the same.
    return parent.isRecording() || (parent.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0
  }

  /** Null if it is not recorded. `startTime` is of `performance.now()`. */
  begin({ what, name, kind, attributes }: Planned, startTime?: number): Begun | null {
    const active = context.active()
    const started = startTime === undefined ? {} : { startTime }
    const span = this.#tracer.startSpan(name, { kind, attributes, ...started }, active)
    if (!span.isRecording()) return null
    const within = trace.setSpan(active, span)
    return { span, within: what === 'call' ? within : within.setValue(this.#noted, span) }
  }

  /** Notes what has happened on the load or save that it has happened in. */
  event(event: SessionEvent): void {
    const span = context.active().getValue(this.#noted) as Span | undefined
    if (!span?.isRecording()) return
    const { requestId } = event as { readonly requestId?: string | undefined }
    if (requestId !== undefined) span.setAttribute(names.REQUEST_ID, requestId)
    if (event.type === 'conflict') span.setAttribute(names.SAVE_CONFLICTS, event.attempt)
    if (LOADS.has(event.type)) {
      span.setAttribute(names.LOAD_RESULT, event.type)
      const reason = reasonOf(event)
      if (reason !== null) span.setAttribute(names.LOAD_REASON, reason)
    }
    if (this.#settings.sessionId) noteSession(span, event)
  }
}

const LOADS: ReadonlySet<SessionEvent['type']> = new Set(['loaded', 'absent', 'superseded', 'expired', 'rejected'])

function noteSession(span: Span, event: SessionEvent): void {
  // Of another session than the request's: the oldest one of the user, which a login has ended.
  if (event.type === 'revoked' && event.reason === 'limit') return
  // Null for the sessions of a user, and empty where it was not computed.
  if ('handle' in event && event.handle) span.setAttribute(names.SESSION_ID, event.handle)
  if (event.type === 'renewed' && event.previous !== event.handle)
    span.setAttribute(names.SESSION_PREVIOUS_ID, event.previous)
}

/** As the conventions have it: no exception event, which would have the message and the stack of a driver's error in it. */
export function fail(span: Span, error: unknown): void {
  const message = messageOf(error)
  span.setAttribute(names.ERROR_TYPE, errorTypeOf(error))
  span.setStatus({ code: SpanStatusCode.ERROR, ...(message !== undefined && { message }) })
}
