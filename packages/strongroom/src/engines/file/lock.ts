import { join } from 'node:path'
import { setImmediate as endOfTurn } from 'node:timers/promises'
import { isPast } from '../../base/retry.ts'
import { StoreError } from '../../errors.ts'
import { LockFile } from './lock-file.ts'

/** The most tasks in one turn. More would not be faster, because libuv has four threads for files, and others wait for the lock. */
const TURN = 8

/** What a task wants of a lock. */
export interface LockRequest {
  /** The task does not begin after this moment. */
  readonly until: number
  /** The only session that the task changes: it may have its turn beside tasks of other sessions. Without it, the task is alone. */
  readonly session?: string
}

interface Task extends LockRequest {
  readonly run: () => Promise<void>
  readonly reject: (error: unknown) => void
}

/** The tasks that wait for a lock, and the end of the last one. */
interface Queue {
  readonly tasks: Task[]
  readonly served: Promise<void>
}

/**
 * Locks between the tasks of this process and the processes of this machine. A crash leaves none behind. Tasks of one
 * `FileLocks` get a lock in the order in which they asked for it; `LockFile` says what holds between several.
 *
 * Tasks of different sessions that ask for a lock in the same turn of the event loop, or while it is held, have it together. Each
 * waits for the disk, and one after the other they would wait many times as long.
 */
export class FileLocks {
  readonly #directory: string
  readonly #timeout: number
  readonly #files = new Map<string, LockFile>()
  /** Of each lock that somebody waits for. */
  readonly #queues = new Map<string, Queue>()

  constructor(directory: string, timeout: number) {
    this.#directory = directory
    this.#timeout = timeout
  }

  /** Does the work under the lock. Rejects, without doing the work, when the lock is not free before `until`. */
  withLock<T>(name: string, request: LockRequest, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = () => inTime(request.until, work).then(resolve, reject)
      this.#add(name, { ...request, run, reject })
    })
  }

  /** Waits for the tasks that hold or await a lock, and closes the files. */
  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map(({ served }) => served))
    for (const file of this.#files.values()) file.close()
    this.#files.clear()
  }

  #add(name: string, task: Task): void {
    const queue = this.#queues.get(name)
    if (queue) queue.tasks.push(task)
    else {
      const tasks = [task]
      this.#queues.set(name, { tasks, served: this.#serve(name, tasks) })
    }
  }

  async #serve(name: string, tasks: Task[]): Promise<void> {
    await endOfTurn()
    for (let first = tasks.shift(); first; first = tasks.shift()) {
      try {
        await this.#locked(name, first, tasks)
      } catch (error) {
        // It could not have the lock. The next one may have more time.
        first.reject(error)
      }
    }
    this.#queues.delete(name)
  }

  /** Who else has a turn is decided when the lock is ours: more tasks may be waiting by then. */
  async #locked(name: string, first: Task, others: Task[]): Promise<void> {
    const file = this.#file(name)
    try {
      if (!(await file.take(first.until)))
        throw new StoreError(`The session directory stayed locked for ${this.#timeout} ms.`)
      await Promise.all([first, ...takeCompanions(first, others)].map(({ run }) => run()))
    } finally {
      file.release()
    }
  }

  #file(name: string): LockFile {
    const known = this.#files.get(name)
    if (known?.isCurrent()) return known
    // The directory was removed, and perhaps created again: a lock on the old file would exclude nobody.
    known?.close()
    this.#files.delete(name)
    const file = new LockFile(join(this.#directory, name))
    this.#files.set(name, file)
    return file
  }
}

async function inTime<T>(until: number, work: () => Promise<T>): Promise<T> {
  if (isPast(until)) throw new StoreError('The session directory was too busy; nothing was written.')
  return work()
}

/**
 * Removes from the queue what may have a turn with the first task. That ends before a second change of one session, which must see
 * what the first one has done.
 */
function takeCompanions({ session }: Task, queue: Task[]): Task[] {
  if (session === undefined || queue.length === 0) return []
  const seen = new Set([session])
  let count = 0
  for (const { session: next } of queue) {
    if (next === undefined || seen.has(next) || seen.size === TURN) break
    seen.add(next)
    count += 1
  }
  return queue.splice(0, count)
}
