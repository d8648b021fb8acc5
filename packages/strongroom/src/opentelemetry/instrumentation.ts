import { type Attributes, context, SpanKind } from '@opentelemetry/api'
import type { Observed } from '../backing/guard.ts'
import { guarded } from '../base/guarded.ts'
import type { SessionEvent } from '../events.ts'
import { errorTypeOf } from './failure.ts'
import type { Metrics } from './metrics.ts'
import * as names from './names.ts'
import { type Begun, fail, type Planned, type Spans } from './spans.ts'
import type { System } from './system.ts'

export interface Parts {
  readonly spans: Spans
  readonly metrics: Metrics
  readonly system: System
  /** On every span and every metric. */
  readonly always: Attributes
}

/** What was thrown, which may be anything. Null for what has not failed. */
type Failure = { readonly error: unknown } | null

type Safely = <Given, T>(work: (parts: Parts, given: Given) => T, given: Given) => T | undefined

/** A load, save or call that is under way, and is seen by somebody. */
interface Started {
  readonly planned: Planned
  readonly began: number
  readonly begun: Begun | null
  /** Is a span to be made when it is over? So for a call without a promise: only then is it known whether it found anything out. */
  readonly isLate: boolean
}

/**
 * One span and one measurement for each load, save and store call. Providers, processors and samplers are the application's, and may
 * throw: then a span or a measurement is missing. What runs in between is the request's own, and is not guarded.
 */
export class Instrumentation {
  readonly #parts: Parts
  /** There are few, and every request needs some. */
  readonly #planned = new Map<string, Planned>()
  /** Calls `work`, without a closure for each call. Undefined if that threw, which causes one warning for all. */
  readonly #safely: Safely

  constructor(parts: Parts) {
    this.#parts = parts
    const safely = guarded(
      'OpenTelemetry',
      (work: (parts: Parts, given: unknown) => unknown, given: unknown) => work(parts, given),
      1,
    )
    this.#safely = safely as Safely
  }

  event(event: SessionEvent): void {
    this.#safely(count, event)
    this.#safely(note, event)
  }

  around<T>(what: Observed, name: string, run: () => T): T {
    const started = this.#start(what, name)
    if (!started) return run()
    let result: T
    try {
      const { begun } = started
      result = begun ? context.with(begun.within, run) : run()
    } catch (error) {
      this.#over(started, { error })
      throw error
    }
    if (result instanceof Promise)
      result.then(
        () => this.#over(started, null),
        (error) => this.#over(started, { error }),
      )
    // Another method is called for what was not found out here, and has a span of its own.
    else if (what !== 'callSync' || result !== undefined) this.#over(started, null)
    return result
  }

  /** Null if nobody would see it. */
  #start(what: Observed, name: string): Started | null {
    const isTraced = this.#safely(isWanted, null) ?? false
    if (!isTraced && !this.#safely(isOn, null)) return null
    const planned = this.#plannedOf(what, name)
    const began = performance.now()
    const begun = isTraced && what !== 'callSync' ? this.#safely(begin, { planned }) : null
    return { planned, began, begun: begun ?? null, isLate: isTraced && what === 'callSync' }
  }

  /** Never throws: nobody would catch it. */
  #over({ planned, began, begun: earlier, isLate }: Started, failure: Failure): void {
    const begun = (isLate ? this.#safely(begin, { planned, began }) : earlier) ?? null
    const ended = performance.now()
    if (begun) this.#safely(end, { begun, failure, ended })
    this.#safely(record, { planned, begun, failure, seconds: (ended - began) / 1000 })
  }

  #plannedOf(what: Observed, name: string): Planned {
    const key = `${what} ${name}`
    const known = this.#planned.get(key)
    if (known) return known
    const planned = this.#plan(what, name)
    this.#planned.set(key, planned)
    return planned
  }

  #plan(what: Observed, name: string): Planned {
    const { system, always } = this.#parts
    if (what === 'load') return { what, name: 'load session', kind: SpanKind.INTERNAL, attributes: always }
    if (what === 'save') {
      const attributes = { ...always, [names.SAVE_ACTION]: name }
      return { what, name: 'save session', kind: SpanKind.INTERNAL, attributes }
    }
    const attributes = { ...always, ...system.attributes, [names.DB_OPERATION]: name }
    // The conventions: "{operation} {target}", and the operation alone where there is no table.
    return { what: 'call', name: system.table ? `${name} ${system.table}` : name, kind: system.kind, attributes }
  }
}

const isWanted = ({ spans }: Parts) => spans.isWanted

const isOn = ({ metrics }: Parts) => metrics.isOn

const count = ({ metrics }: Parts, event: SessionEvent) => metrics.event(event)

const note = ({ spans }: Parts, event: SessionEvent) => spans.event(event)

const begin = ({ spans }: Parts, { planned, began }: { readonly planned: Planned; readonly began?: number }) =>
  spans.begin(planned, began)

interface Ended {
  readonly begun: Begun
  readonly failure: Failure
  readonly ended: number
}

function end(_: Parts, { begun: { span }, failure, ended }: Ended): void {
  if (failure) fail(span, failure.error)
  span.end(ended)
}

interface Over {
  readonly planned: Planned
  readonly begun: Begun | null
  readonly failure: Failure
  readonly seconds: number
}

function record({ metrics }: Parts, { planned, begun, failure, seconds }: Over): void {
  const attributes = failure
    ? { ...planned.attributes, [names.ERROR_TYPE]: errorTypeOf(failure.error) }
    : planned.attributes
  metrics.record(planned.what, { seconds, attributes, within: begun?.within ?? context.active() })
}
