import { createRequire } from 'node:module'
import { after, before, describe } from 'node:test'
import { postgres } from '../../src/engines/postgres.ts'
import type { Store } from '../../src/store.ts'
import { manualClock } from '../../src/testing/clock.ts'
import { storeSuite } from '../../src/testing/store-suite.ts'
import { type PostgresServer, postgresNeed, startPostgres } from '../servers/postgres.ts'

describe('postgres', { skip: postgresNeed.skip }, () => {
  let server: PostgresServer
  before(async () => {
    server = await startPostgres()
  })
  after(() => server.stop())

  let tables = 0
  storeSuite('postgres', async () => {
    const clock = manualClock()
    const stores: Store[] = []
    const open = async (table: string) => {
      const store = postgres({ url: server.url, table, clock, createTable: true, max: 5 })
      stores.push(store)
      return store
    }
    const table = `sessions_${++tables}`
    const store = await open(table)
    return {
      store,
      clock,
      peer: () => open(table),
      apart: () => open(`${table}_apart`),
      breakIt: () => query(server.url, `DROP TABLE ${table}`),
      close: async () => {
        for (const each of stores) await each.close()
      },
    }
  })
})

async function query(url: string, sql: string): Promise<void> {
  const { Client } = createRequire(import.meta.url)('pg') as typeof import('pg')
  const client = new Client(url)
  await client.connect()
  await client.query(sql)
  await client.end()
}
