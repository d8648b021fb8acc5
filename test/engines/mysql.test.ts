import { randomBytes } from 'node:crypto'
import { after, before, describe } from 'node:test'
import { createPool, type Pool } from 'mysql2/promise'
import { mysql } from '../../src/engines/mysql.ts'
import type { Store } from '../../src/store.ts'
import { manualClock } from '../../src/testing/clock.ts'
import { storeSuite } from '../../src/testing/store-suite.ts'
import { type MariadbServer, mariadbNeed, startMariadb } from '../servers/mariadb.ts'

const newTable = () => `t_${randomBytes(8).toString('hex')}`

describe('mysql', { skip: mariadbNeed.skip }, () => {
  let server: MariadbServer
  let admin: Pool
  before(async () => {
    server = await startMariadb()
    admin = createPool(server.url)
  })
  after(async () => {
    await admin.end()
    await server.stop()
  })

  storeSuite('mysql', async () => {
    const clock = manualClock()
    const table = newTable()
    const stores: Store[] = []
    const another = async (name = table) => {
      const store = mysql({ url: server.url, table: name, createTable: true, timeout: 20_000, clock })
      stores.push(store)
      return store
    }
    return {
      store: await another(),
      clock,
      peer: () => another(),
      apart: () => another(`${table}_other`),
      breakIt: async () => {
        await admin.query(`DROP TABLE ${table}`)
      },
      close: async () => {
        for (const store of stores) await store.close()
        await admin.query(`DROP TABLE IF EXISTS ${table}, ${table}_other`)
      },
    }
  })
})
