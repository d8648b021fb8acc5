import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { csrf, withSessions } from '../../packages/strongroom/src/adapters/node.ts'
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
      // What a login whose page failed has begun may still be writing: nobody waits for it.
      await rm(dir, { recursive: true, force: true, maxRetries: 10 })
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
  async (sessions, application, protection) => {
    const check = protection && csrf(sessions, protection)
    const handler = withSessions(sessions, async (request, response) => {
      const form = check && new URLSearchParams(await text(request))
      await check?.(request, form?.get(protection?.field ?? '_csrf'))
      const field = (name: string) => form?.get(name)
      send(response, await application({ request, url: request.url ?? '', field }))
    })
    return listening(createServer(handler))
  },
  { stores: [files, database] },
)
