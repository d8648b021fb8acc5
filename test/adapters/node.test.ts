import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withSessions } from '../../packages/strongroom/src/adapters/node.ts'
import { file } from '../../packages/strongroom/src/engines/file/file.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import type { Clock } from '../../packages/strongroom/src/store.ts'
import { adapterSuite } from '../../packages/strongroom/src/testing/index.ts'
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
        withSessions(sessions, async (request, response) => {
          send(response, await application({ request, url: request.url ?? '' }))
        }),
      ),
    ),
  { stores: [files, database] },
)
