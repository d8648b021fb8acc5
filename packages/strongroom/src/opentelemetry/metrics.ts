import {
  type Attributes,
  type Context,
  type Counter,
  createNoopMeter,
  type Histogram,
  type MeterProvider,
  metrics,
} from '@opentelemetry/api'
import type { SessionEvent } from '../events.ts'
import { errorTypeOf } from './failure.ts'
import * as names from './names.ts'

/** In s: what the conventions advise for calls of a database, which is most of what a load or a save does. */
const BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]

interface Instruments {
  readonly call: Histogram
  readonly load: Histogram
  readonly save: Histogram
  readonly events: Counter
  readonly ended: Counter
  readonly cleared: Counter
}

export interface Measurement {
  readonly seconds: number
  readonly attributes: Attributes
  /** Of its span, so that an example of the measurement leads to the trace. */
  readonly within: Context
}

/** A reason that an adoption source gives may be anything, and each new one would be a series of its own. */
const REASON = /^[a-z][a-z-]{0,39}$/

/** What happens, counted and timed, where somebody collects it. */
export class Metrics {
  readonly #given: MeterProvider | undefined
  readonly #always: Attributes
  #provider: MeterProvider | null = null
  #instruments: Instruments | null = null

  constructor(given: MeterProvider | undefined, always: Attributes) {
    this.#given = given
    this.#always = always
  }

  /** Is anything collected? */
  get isOn(): boolean {
    return this.#current() !== null
  }

  record(what: 'load' | 'save' | 'call', { seconds, attributes, within }: Measurement): void {
    this.#current()?.[what].record(seconds, attributes, within)
  }

  event(event: SessionEvent): void {
    const instruments = this.#current()
    if (instruments === null) return
    const { events, ended, cleared } = instruments
    events.add(1, { ...this.#always, ...attributesOf(event) })
    if (event.type === 'revoked') ended.add(event.count, { ...this.#always, [names.EVENT_REASON]: event.reason })
    else if (event.type === 'cleared') cleared.add(event.count, this.#always)
  }

  /** The global provider may be registered later than the application creates its sessions, and instruments do not follow it. */
  #current(): Instruments | null {
    const provider = this.#given ?? metrics.getMeterProvider()
    if (provider !== this.#provider) {
      this.#provider = provider
      // One that throws is not asked again, and what was collected goes nowhere else.
      this.#instruments = null
      this.#instruments = instrumentsOf(provider)
    }
    return this.#instruments
  }
}

function instrumentsOf(provider: MeterProvider): Instruments | null {
  const meter = provider.getMeter(names.SCOPE, names.VERSION, { schemaUrl: names.SCHEMA_URL })
  // Without an SDK, nothing has to be measured either.
  if (meter === createNoopMeter()) return null
  const seconds = (name: string, description: string) =>
    meter.createHistogram(name, { unit: 's', description, advice: { explicitBucketBoundaries: BUCKETS } })
  const counter = (name: string, unit: string, description: string) => meter.createCounter(name, { unit, description })
  return {
    call: seconds(names.DB_DURATION, 'Duration of database client operations.'),
    load: seconds(names.LOAD_DURATION, 'How long it took to find out what the cookie of a request leads to.'),
    save: seconds(names.SAVE_DURATION, 'How long it took to save the session of a request.'),
    events: counter(names.EVENTS, '{event}', 'What happened to sessions.'),
    ended: counter(names.ENDED, '{session}', 'Sessions that were ended on purpose.'),
    cleared: counter(names.CLEARED, '{session}', 'Expired sessions that were removed from the store.'),
  }
}

/** Few values each, and nothing of a visitor. */
function attributesOf(event: SessionEvent): Attributes {
  const reason = reasonOf(event)
  return {
    [names.EVENT_TYPE]: event.type,
    ...(reason !== null && { [names.EVENT_REASON]: reason }),
    ...(event.type === 'rejected' && { [names.EVENT_WHAT]: event.what }),
    ...(event.type === 'storeError' && { [names.ERROR_TYPE]: errorTypeOf(event.error) }),
  }
}

export function reasonOf(event: SessionEvent): string | null {
  switch (event.type) {
    case 'created':
      return event.authenticated ? 'login' : null
    case 'limit':
      return event.policy
    case 'renewed':
    case 'revoked':
    case 'expired':
      return event.reason
    case 'rejected':
      return REASON.test(event.reason) ? event.reason : '_OTHER'
    default:
      return null
  }
}
