import assert from 'node:assert/strict'
import { after, before, suite, type TestContext, test } from 'node:test'
import { postgres } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import type { Visitor } from '../../packages/strongroom/src/testing/adapter/visitor.ts'
import { secret } from '../core/fixtures/secret.ts'
import { type PostgresServer, postgresNeed, startPostgres } from '../servers/postgres.ts'
import { cookieOf, type Site, type SiteOptions, site, whoIs } from './site.ts'

/** What must hold wherever the next request arrives. */
suite('the rows of ASVS about ends and races', { skip: postgresNeed.skip }, () => {
  let database: PostgresServer
  before(async () => {
    database = await startPostgres()
  })
  after(() => database.stop())

  /** Two servers of one application, each with connections of its own. */
  async function servers(t: TestContext): Promise<readonly [Site, Site]> {
    const make = async () => {
      const options: SiteOptions = {
        secrets: secret('two servers'),
        store: postgres({ url: database.url, createTable: true }),
      }
      return site(t, options)
    }
    return [await make(), await make()]
  }

  /** Sends a visitor's requests to the two servers in turn. */
  async function inTurn(two: readonly [Site, Site], browser: Visitor, paths: readonly string[]): Promise<void> {
    const cookie = cookieOf(browser)
    const asked = paths.map((path, i) => (two[i % 2] as Site).visitor().ask(path, { cookie }))
    await Promise.all(asked)
  }

  test('hold between two servers that share a PostgreSQL', async (t) => {
    const two = await servers(t)
    const [one, other] = two

    // ASVS 7.2.4 and 7.4.1: a new token and a logout count on the other server, whatever is under way there.
    const browser = await one.signedIn()
    const first = cookieOf(browser)
    assert.equal(await whoIs(other, first), 'ada')
    await browser.must('/login?user=ada')
    assert.equal(await whoIs(other, first), null)
    const second = cookieOf(browser)
    const writes = inTurn(
      two,
      browser,
      Array.from({ length: 20 }, (_, i) => `/set?k${i}=${i}`),
    )
    await Promise.all([browser.ask('/logout'), writes])
    for (const server of two) assert.equal(await whoIs(server, second), null)

    // ASVS 7.4.2: all sessions of a user end on both.
    const devices = [await one.signedIn(), await other.signedIn(), await one.signedIn()].map(cookieOf)
    const bob = cookieOf(await other.signedIn('bob'))
    assert.equal(await other.sessions.of('ada').revokeAll(), 3)
    for (const cookie of devices) for (const server of two) assert.equal(await whoIs(server, cookie), null)
    assert.equal(await whoIs(one, bob), 'bob')

    // ASVS 15.4.1 and 15.4.2: nothing is lost between them, and no count is wrong.
    const shared = await one.signedIn()
    await inTurn(
      two,
      shared,
      Array.from({ length: 40 }, (_, i) => (i % 4 < 2 ? '/count' : `/set?k${i}=${i}`)),
    )
    const data = JSON.parse((await shared.must('/read')).text)
    assert.equal(data.n, 20)
    assert.equal(Object.keys(data).length, 21)
  })
})
