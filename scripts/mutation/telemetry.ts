// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources
import { type Mutation, on } from './mutation.ts'

const source = (file: string) => `packages/strongroom/src/${file}.ts`
const traced = (file: string) => on('test/opentelemetry/spans.test.ts', source(file))
const broken = (file: string) => on('test/opentelemetry/broken.test.ts', source(file))
const observed = (file: string) => on('test/core/observers.test.ts', source(file))
const timed = (file: string) => on('test/opentelemetry/metrics.test.ts', source(file))
const recipe = (file: string) => on('test/opentelemetry/recipes.test.ts', `examples/${file}.ts`)

/** Of what is seen of sessions in traces, metrics and logs. */
export const telemetryMutations: readonly Mutation[] = [
  on('test/core/observers.test.ts', source('backing/guard'))(
    'a load that is run for those who observe the store alone',
    'around: join(around, own),',
    'around: join(around, own ?? ((_what, _name, run) => run())),',
  ),
  observed('backing/guard')(
    'an observer that fails requests by throwing',
    'measuredBy(guardedObserver(observer.call.bind(observer)))',
    'measuredBy(observer.call.bind(observer))',
  ),
  observed('backing/guard')('observers that stay when they were stopped', 'links.delete(link)\n', ''),
  observed('events')(
    'an observer of events that fails requests by throwing',
    'event: guardedObserver((event: SessionEvent) => observer.event(event))',
    'event: (event: SessionEvent) => observer.event(event)',
  ),
  on('test/core/events.test.ts', source('base/guarded'))(
    'a message that is shown because it looks like a stack',
    'head.startsWith(frames) ? head.slice(error.message.length + 1) :',
    "head ? head.slice(head.indexOf('\\n    at ') + 1) :",
  ),
  broken('opentelemetry/instrumentation')(
    'a processor that ends the process',
    'if (begun) this.#safely(end, { begun, failure, ended })',
    'if (begun) end(this.#parts, { begun, failure, ended })',
  ),
  broken('opentelemetry/instrumentation')(
    'a meter that fails requests',
    'this.#safely(count, event)',
    'count(this.#parts, event)',
  ),
  traced('opentelemetry/failure')(
    'an error type that is whatever a driver calls its error',
    "CLASS.test(error.name) ? error.name : '_OTHER'",
    "CLASS.test(error.name) ? (error.cause as Error).name : '_OTHER'",
  ),
  traced('opentelemetry/failure')(
    "a driver's message in the status of a span",
    'error instanceof StrongroomError ? error.message : undefined',
    'error instanceof Error ? ((error.cause as Error | undefined) ?? error).message : undefined',
  ),
  traced('opentelemetry/spans')(
    'an exception event with the message of a driver',
    'span.setAttribute(names.ERROR_TYPE, errorTypeOf(error))\n',
    'span.setAttribute(names.ERROR_TYPE, errorTypeOf(error))\n  span.recordException(error as Error)\n',
  ),
  traced('opentelemetry/spans')(
    'session ids on spans that nobody asked for',
    'if (this.#settings.sessionId) noteSession',
    'noteSession',
  ),
  traced('opentelemetry/spans')(
    'spans that are made of requests that are not sampled',
    'return parent.isRecording() || (parent.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0',
    'return true',
  ),
  traced('opentelemetry/spans')(
    'root spans for what happens in the background',
    'if (!parent) return !this.#settings.requireParentSpan',
    'if (!parent) return true',
  ),
  traced('opentelemetry/instrumentation')(
    "a driver's spans beside the call that they belong to",
    'begun ? context.with(begun.within, run) : run()',
    'run()',
  ),
  traced('opentelemetry/instrumentation')(
    'a span for a call that has found nothing out',
    "else if (what !== 'callSync' || result !== undefined) this.#over",
    'else this.#over',
  ),
  traced('opentelemetry/system')(
    'a database in this process that is called a remote one',
    'INSIDE.has(name) ? SpanKind.INTERNAL : SpanKind.CLIENT',
    'SpanKind.CLIENT',
  ),
  timed('opentelemetry/instrumentation')(
    'a histogram of milliseconds that says seconds',
    'seconds: (ended - began) / 1000',
    'seconds: ended - began',
  ),
  timed('opentelemetry/metrics')(
    'metrics that are lost because the SDK started later',
    'if (provider !== this.#provider) {',
    'if (this.#provider === null) {',
  ),
  timed('opentelemetry/metrics')(
    'a series for each reason that somebody makes up',
    "REASON.test(event.reason) ? event.reason : '_OTHER'",
    'event.reason',
  ),
  timed('opentelemetry/metrics')(
    'sessions that were ended together, counted as one',
    'ended.add(event.count,',
    'ended.add(1,',
  ),
  recipe('prometheus')(
    'an alert that misses the first failure',
    'for (const type of FROM_ZERO) events.inc({ type }, 0)\n',
    '',
  ),
  recipe('pino')(
    'a log with the cause of a store error in it',
    'error: { type: error.name, message: error.message }',
    'error: { type: error.name, message: error.message, cause: `${error.cause}` }',
  ),
  recipe('pino')('an alarm that is logged where nobody looks', "reused: 'warn'", "reused: 'debug'"),
  recipe('prometheus')('an alert that misses the first copied cookie', "  'reused',\n", ''),
  recipe('pino')('events that are logged without their request', 'requestLog.getStore() ?? log', 'log'),
]
