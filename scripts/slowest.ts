/** A reporter for Node's test runner: the files that took longest, a line each. It says where a run's time goes. */
import { relative } from 'node:path'
import type { TestEvent } from 'node:test/reporters'

const MOST = 15

export default async function* slowest(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const files: { file: string; seconds: number }[] = []
  for await (const { type, data } of events)
    if (type === 'test:summary' && data.file) files.push({ file: data.file, seconds: data.duration_ms / 1000 })
  files.sort((a, b) => b.seconds - a.seconds)
  for (const { file, seconds } of files.slice(0, MOST))
    yield `${seconds.toFixed(1).padStart(7)} s  ${relative(process.cwd(), file)}\n`
}
