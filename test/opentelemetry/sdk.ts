import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Attributes, context, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  InMemorySpanExporter,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace'

/** The real SDK, with exporters that keep everything. Once for a file: the context manager is the process's. */
export function sdk(sampler?: Sampler) {
  context.disable()
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  const exporter = new InMemorySpanExporter()
  const tracerProvider = new TracerProvider({
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
    ...(sampler && { sampler: new ParentBasedSampler({ root: sampler }) }),
  })
  const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter: metricExporter, exportIntervalMillis: 3_600_000 })
  const meterProvider = new MeterProvider({ readers: [reader] })
  return {
    tracerProvider,
    meterProvider,
    /** Those that have ended since the last call, and not the requests' own. */
    spans(): ReadableSpan[] {
      const spans = exporter.getFinishedSpans().filter(({ name }) => !name.startsWith('GET '))
      exporter.reset()
      return spans
    },
    all: () => exporter.getFinishedSpans(),
    /** By the name of the metric: attributes, and what was counted or timed under them. */
    async metrics() {
      const { resourceMetrics } = await reader.collect()
      return Object.fromEntries(
        resourceMetrics.scopeMetrics.flatMap(({ metrics }) =>
          metrics.map(({ descriptor, dataPoints }) => [
            descriptor.name,
            { descriptor, points: dataPoints.map(({ attributes, value }) => ({ attributes, value })) },
          ]),
        ),
      )
    },
    close: async () => {
      await tracerProvider.shutdown()
      await meterProvider.shutdown()
      context.disable()
    },
  }
}

export type Sdk = ReturnType<typeof sdk>

/** An application behind what @opentelemetry/instrumentation-http does: a span for each request, active while it is handled. */
export async function traced({ tracerProvider }: Pick<Sdk, 'tracerProvider'>, application: RequestListener) {
  const tracer = tracerProvider.getTracer('http')
  const server = createServer((request, response) => {
    const attributes: Attributes = { 'url.path': request.url ?? '' }
    const span = tracer.startSpan(`GET ${request.url}`, { kind: SpanKind.SERVER, attributes }, ROOT_CONTEXT)
    response.once('close', () => span.end())
    context.with(trace.setSpan(ROOT_CONTEXT, span), () => application(request, response))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    /** Resolves when the request's span has ended, too. */
    async get(path: string, cookie = ''): Promise<{ readonly status: number; readonly cookie: string }> {
      const response = await fetch(`${url}${path}`, { headers: cookie ? { cookie } : {} })
      await response.text()
      return { status: response.status, cookie: response.headers.getSetCookie()[0]?.split(';')[0] ?? cookie }
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
