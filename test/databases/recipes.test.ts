import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import pg from 'pg'
import { withSessions } from '../../packages/strongroom/src/adapters/fetch.ts'
import { postgres } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'
import { manualClock } from '../../packages/strongroom/src/testing/clock.ts'
import { storeSuite } from '../../packages/strongroom/src/testing/store-suite.ts'
import { root } from '../../scripts/packages.ts'
import { type PostgresServer, postgresNeed, startPostgres } from '../servers/postgres.ts'
import { RECIPES, type Recipe } from './recipes.ts'

let server: PostgresServer
const urlOf = (database: string) => Object.assign(new URL(server.url), { pathname: database.toLowerCase() }).href

async function run(database: string, text: string): Promise<void> {
  const client = new pg.Client(urlOf(database))
  await client.connect()
  await client.query(text)
  await client.end()
}

const statements = (text: string) => text.split(/;\s*/).filter((each) => each !== '')
const example = (file: string) => readFileSync(join(root, 'examples/databases', file), 'utf8')

it('the statements of all recipes are those of the store', () => {
  const { schema } = postgres('postgres://me@db.example.com/shop')
  for (const file of [
    'sessions.sql',
    'drizzle/0000_sessions.sql',
    'prisma/prisma/migrations/20260101000000_sessions/migration.sql',
  ])
    assert.deepEqual(statements(example(file)), schema.statements, file)
})

describe('the recipes for databases', { skip: postgresNeed.skip }, () => {
  before(async () => {
    process.env.STRONGROOM_SECRETS = randomBytes(32).toString('base64url')
    server = await startPostgres()
  })
  after(() => server.stop())

  for (const [name, open] of Object.entries(RECIPES)) describe(name, () => testRecipe(name, open))
})

function testRecipe(name: string, open: (max: number) => Promise<Recipe>): void {
  let recipe: Recipe
  let tables = 0
  const store = (table: string, clock: () => number) =>
    postgres({ client: recipe.client, table, clock, createTable: true, timeout: 60_000 })

  before(async () => {
    await run('postgres', `CREATE DATABASE ${name}`)
    await run(name, 'CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL)')
    process.env.DATABASE_URL = urlOf(name)
    // The smallest pool there is: neither may need a second connection while it has one.
    recipe = await open(1)
  })

  it('a migration of the tool makes the table that the store expects', async () => {
    const { schema } = recipe.sessions
    assert.equal((await schema?.pending())?.length, 5)
    await recipe.migrate()
    assert.deepEqual(await schema?.pending(), [])
  })

  /** What a handler does: rows in a transaction of the tool, and then the login, which is written when the response begins. */
  const signUp = async (user: string) => {
    const visit = recipe.sessions.open({})
    const session = await visit.get()
    const id = await recipe.addUser(user)
    session.login(id)
    await visit.commit()
    return id
  }

  it("a login is listed, and is over when it has been revoked, beside the tool's own rows", async () => {
    const user = await signUp('ada')
    const devices = await recipe.sessions.of(user).list()
    assert.equal(devices.length, 1)
    assert.ok(await recipe.sessions.of(user).revoke(devices[0]?.handle ?? ''))
    assert.deepEqual(await recipe.sessions.of(user).list(), [])
  })

  it('one connection is enough for transactions of the tool and sessions in parallel', async () => {
    const users = await Promise.all(Array.from({ length: 25 }, (_, n) => signUp(`user ${n}`)))
    const counts = await Promise.all(users.map(async (user) => (await recipe.sessions.of(user).list()).length))
    assert.deepEqual(
      counts,
      users.map(() => 1),
    )
  })

  it('a handler whose transaction fails logs nobody in, and adds no row', async () => {
    const count = await recipe.countUsers()
    const handler = withSessions(recipe.sessions, async (request) => {
      const session = await recipe.sessions.get(request)
      session.login('grace')
      await recipe.addUser('grace', async () => {
        throw new Error('no such country')
      })
      return new Response('welcome')
    })
    await assert.rejects(async () => handler(new Request('https://shop.example.com/join')), /no such country/)
    assert.equal(await recipe.countUsers(), count)
    assert.deepEqual(await recipe.sessions.of('grace').list(), [])
  })

  storeSuite(`${name}'s connections`, async () => {
    const clock = manualClock()
    const table = `suite_${++tables}`
    return {
      store: store(table, clock),
      clock,
      peer: async () => store(table, clock),
      sibling: async () => store(`${table}_apart`, clock),
      breakBackend: () => run(name, `DROP TABLE IF EXISTS ${table}`),
      close: async () => {},
    }
  })

  it("closing the sessions leaves the tool's connections open, and ending those is a StoreError for the sessions", async () => {
    const own = store(`suite_${++tables}`, Date.now)
    await own.close()
    await recipe.sessions.close()
    assert.ok((await recipe.countUsers()) > 0)
    await recipe.end()
    await assert.rejects(store(`suite_${++tables}`, Date.now).read('0'.repeat(64) as never), StoreError)
  })
}
