import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { node } from '../../src/adapters/node.ts'
import { file } from '../../src/engines/file.ts'
import { sqlite } from '../../src/engines/sqlite.ts'
import type { Clock } from '../../src/store.ts'
import { adapterSuite } from '../../src/testing/index.ts'
import { listening, send } from './serve.ts'

const files = {
  name: 'file',
  async open(clock: Clock) {
    const dir = await mkdtemp(join(tmpdir(), 'strongroom-'))
    const store = file({ dir, durable: false, clock })
    const close = async () => {
      await store.close()
      await rm(dir, { recursive: true, force: true })
    }
    return { store, close }
  },
}

const database = {
  name: 'sqlite',
  async open(clock: Clock) {
    const store = sqlite({ path: ':memory:', clock })
    return { store, close: () => store.close() }
  },
}

adapterSuite(
  'node',
  async (sessions, application) =>
    listening(
      createServer(
        node(sessions, async (request, response) => {
          send(response, await application({ request, url: request.url ?? '' }))
        }),
      ),
    ),
  { stores: [files, database] },
)
