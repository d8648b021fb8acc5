import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Rows, StoredRow } from '../../site.ts'
import { type Python, PythonProcess } from './python.ts'
import { STORE } from './store-text.ts'

/** Django's drivers, in a process of its own, beside the application: the hand of an attacker, or of an operator. */
export class DjangoStore {
  readonly #python: PythonProcess

  /** `project` is where the program is written. `settings` are Django's, `redis` is a URL. */
  constructor(python: Python, project: string, settings: object, redis: string | null) {
    const program = join(project, 'store.py')
    writeFileSync(program, STORE)
    this.#python = new PythonProcess(python, [program, JSON.stringify({ settings, redis })])
  }

  ask(what: string, values: readonly unknown[] = []): Promise<unknown> {
    return this.#python.ask(what, values)
  }

  /** `url` is another Redis than the application's. */
  async list(part: 'table' | 'redis', url?: string): Promise<StoredRow[]> {
    const rows = (await this.ask(`${part}.list`, url ? [url] : [])) as [string, Encoded, Encoded][]
    return rows.map(([key, value, data]) => ({ key, value: bytesOf(value), data: bytesOf(data) }))
  }

  rows(part: 'table' | 'redis'): Rows {
    return {
      list: () => this.list(part),
      put: async ({ key, value, data }) =>
        void (await this.ask(`${part}.put`, [key, encoded(value), data ? encoded(data) : null])),
      delete: async (key) => void (await this.ask(`${part}.delete`, [key])),
    }
  }

  stop(): Promise<void> {
    return this.#python.stop()
  }
}

interface Encoded {
  readonly base64: string
}

const bytesOf = ({ base64 }: Encoded) => Buffer.from(base64, 'base64')
const encoded = (bytes: Uint8Array): Encoded => ({ base64: Buffer.from(bytes).toString('base64') })
