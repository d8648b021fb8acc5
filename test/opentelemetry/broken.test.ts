import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import type { MeterProvider, TracerProvider as Provider } from '@opentelemetry/api'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { memory } from '../../packages/strongroom/src/engines/memory/memory.ts'
import { type InstrumentOptions, instrument } from '../../packages/strongroom/src/opentelemetry/opentelemetry.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import { settle } from '../core/fixtures/gates.ts'
import { secret } from '../core/fixtures/secret.ts'
import { visitor } from '../core/fixtures/visitor.ts'

const MESSAGE = 'a message that nobody should read in a log'

const broken = (): never => {
  throw new RangeError(MESSAGE)
}

/** A provider of the real SDK, with a processor that fails like one of an application. */
const processing = (processor: 'onStart' | 'onEnd'): Provider =>
  new TracerProvider({
    spanProcessors: [
      { onStart() {}, onEnd() {}, forceFlush: async () => {}, shutdown: async () => {}, [processor]: broken },
    ],
  })

const metering = (meter: object): MeterProvider => ({ getMeter: () => meter }) as unknown as MeterProvider
const histogram = { createHistogram: () => ({ record() {} }) }
const counter = { createCounter: () => ({ add() {} }) }

const FAULTS: Readonly<Record<string, InstrumentOptions>> = {
  'a span processor that throws when a span begins': { tracerProvider: processing('onStart') },
  'a span processor that throws when a span ends': { tracerProvider: processing('onEnd') },
  'a tracer that throws': { tracerProvider: { getTracer: () => ({ startSpan: broken, startActiveSpan: broken }) } },
  'a meter provider that throws': { meterProvider: { getMeter: broken } },
  'a histogram that throws': { meterProvider: metering({ createHistogram: () => ({ record: broken }), ...counter }) },
  'a counter that throws': { meterProvider: metering({ createCounter: () => ({ add: broken }), ...histogram }) },
}

function sessionsOf(t: TestContext, isImmediate: boolean) {
  const store = memory()
  const { create } = store
  const calls: string[] = []
  store.create = (id, entry) => {
    calls.push('create')
    return create.call(store, id, entry)
  }
  // Those of an engine behind a network, which are not there.
  if (!isImmediate) Object.assign(store, { readSync: undefined, updateSync: undefined })
  const sessions = createSessions({ store, secrets: secret('broken'), seal: 'two-key', sweep: false })
  t.after(() => sessions.close())
  return { sessions, calls }
}

/** What Node would have ended the process for, and its warnings. */
function watch(t: TestContext) {
  const seen = { rejections: [] as unknown[], warnings: [] as string[] }
  const reject = (reason: unknown) => void seen.rejections.push(reason)
  const warn = (warning: Error & { code?: string; detail?: string }) =>
    void seen.warnings.push(`${warning.code} ${warning.message} ${warning.detail}`)
  process.on('unhandledRejection', reject).on('warning', warn)
  t.after(() => process.off('unhandledRejection', reject).off('warning', warn))
  return seen
}

suite('a provider that throws', () => {
  for (const [fault, options] of Object.entries(FAULTS))
    for (const isImmediate of [false, true])
      test(`${fault} fails no request and warns once, with a store that ${isImmediate ? 'has its results immediately' : 'is waited for'}`, async (t) => {
        const seen = watch(t)
        const { sessions, calls } = sessionsOf(t, isImmediate)
        instrument(sessions, { requireParentSpan: false, ...options })
        const guest = visitor(sessions)
        await guest.visit((session) => session.set('basket', 'tea'))
        await guest.visit((session) => session.set('basket', 'coffee'))
        await guest.visit((session) => assert.equal(session.get('basket'), 'coffee'))
        await settle()
        assert.deepEqual(calls, ['create'])
        assert.deepEqual(seen.rejections, [])
        assert.equal(seen.warnings.length, 1, seen.warnings.join('\n'))
        assert.match(seen.warnings[0] ?? '', /^STRONGROOM_LISTENER OpenTelemetry threw: RangeError\s+at /)
        assert.ok(!seen.warnings[0]?.includes(MESSAGE))
      })

  test('a meter that throws costs no spans', async (t) => {
    watch(t)
    const { sessions } = sessionsOf(t, false)
    const exporter = new InMemorySpanExporter()
    const tracerProvider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
    instrument(sessions, { requireParentSpan: false, tracerProvider, meterProvider: { getMeter: broken } })
    await visitor(sessions).visit((session) => session.set('basket', 'tea'))
    assert.deepEqual(
      exporter.getFinishedSpans().map(({ name }) => name),
      ['create', 'save session'],
    )
    await settle()
  })

  test('a store that fails fails the request with its own error, and is called once', async (t) => {
    watch(t)
    const { sessions, calls } = sessionsOf(t, false)
    instrument(sessions, { requireParentSpan: false, tracerProvider: processing('onEnd') })
    const refused = new Error('no')
    let times = 0
    const observed = sessions.observe({
      event() {},
      around: (_, name, run) => {
        if (name !== 'create') return run()
        times++
        throw refused
      },
    })
    const error = await visitor(sessions)
      .visit((session) => session.set('basket', 'tea'))
      .catch((error) => error)
    observed.stop()
    await settle()
    assert.equal(error, refused)
    assert.deepEqual([times, calls], [1, []])
  })

  test('a provider that throws where it is given leaves nothing behind', async (t) => {
    const { sessions } = sessionsOf(t, false)
    assert.throws(() => instrument(sessions, { tracerProvider: { getTracer: broken } }), RangeError)
    const seen = watch(t)
    await visitor(sessions).visit((session) => session.set('basket', 'tea'))
    await settle()
    assert.deepEqual(seen, { rejections: [], warnings: [] })
  })
})
