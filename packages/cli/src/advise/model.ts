import {
  COSTS,
  type Costs,
  type Figure,
  IN_PROCESS,
  LOGS,
  type MeasuredEngine,
  type MeasuredServer,
  type Operation,
  SIZES,
} from './measured.ts'

/** What was computed, and the figure that it rests on. */
export interface Estimate {
  readonly value: number
  readonly figure: Figure
}

const USUAL = 1024

/** Bytes that a session takes where it is stored: on the straight lines between the sizes that were measured, and beyond them. */
export function bytesStored(engine: MeasuredEngine | 'memory', bytes: number): Estimate {
  if (engine === 'memory') return { value: IN_PROCESS.value + bytes - USUAL, figure: IN_PROCESS }
  const points = SIZES[engine]
  const value = interpolated(
    points.map(([size, { value }]) => [size, value] as const),
    bytes,
  )
  const nearest = points.toSorted(([a], [b]) => Math.abs(a - bytes) - Math.abs(b - bytes))[0]
  const figure = nearest?.[1] as Figure
  // Files take whole blocks of the disk.
  if (engine === 'file') return { value: Math.max(1, Math.ceil((bytes + FILE_HEAD) / BLOCK)) * BLOCK, figure }
  return { value, figure }
}

const BLOCK = 4096
/** What a record of a session has beside its data, with the head of the file, at most. */
const FILE_HEAD = 400

/** µs of the server's processor for one operation among so many sessions. Beyond ten million nothing was measured: it grows on. */
export function serverCost(server: MeasuredServer, operation: Operation, sessions: number): Estimate {
  const points = COSTS[server][operation]
  const values = valuesOf(points)
  const [first, last] = [values[0] as Point, values.at(-1) as Point]
  const figure = (points.findLast(([count]) => count <= sessions) ?? points[0])?.[1] as Figure
  if (values.length === 1 || sessions <= first[0]) return { value: first[1], figure }
  // By the logarithm: each level of an index costs the same.
  const scaled = values.map(([count, value]) => [Math.log(count), value] as const)
  const value = interpolated(scaled, Math.log(sessions))
  return { value: sessions > last[0] ? Math.max(value, last[1]) : value, figure }
}

type Point = readonly [at: number, value: number]

const valuesOf = (points: Costs): Point[] => {
  const few = points[0]?.[1].value ?? 0
  return points.map(([count, { value, kind }]) => [count, kind === 'growth' ? few * value : value])
}

/** Bytes that one operation adds to the log: where the session is part of it, a byte more for a byte more. */
export function logBytes(server: keyof typeof LOGS, operation: Operation, bytes: number): Estimate {
  const figure = LOGS[server][operation]
  const isWhole = operation === 'write' || operation === 'login'
  return { value: isWhole ? Math.max(0, figure.value + bytes - USUAL) : figure.value, figure }
}

function interpolated(points: readonly Point[], at: number): number {
  const next = points.findIndex(([x]) => x >= at)
  const to = next < 1 ? (next < 0 ? points.length - 1 : 1) : next
  const [[x0, y0], [x1, y1]] = [points[to - 1] as Point, points[to] as Point]
  return y0 + ((at - x0) * (y1 - y0)) / (x1 - x0)
}
