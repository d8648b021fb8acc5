import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cookie } from '../../packages/strongroom/src/engines/cookie/cookie.ts'
import { ConfigError, StoreError, UnsupportedError } from '../../packages/strongroom/src/errors.ts'
import { bearer } from '../../packages/strongroom/src/http/bearer.ts'
import type { SiteData } from '../../packages/strongroom/src/index.ts'
import { createSessions } from '../../packages/strongroom/src/sessions.ts'
import * as worker from '../../packages/strongroom/src/worker.ts'
import { fixture } from './fixtures/fixture.ts'
import { secret } from './fixtures/secret.ts'
import type { Visitor } from './fixtures/visitor.ts'

const STORAGE: readonly SiteData[] = ['storage']

// biome-ignore lint/suspicious/noExplicitAny: whatever the data
async function loggedOut(visitor: Visitor<any>, clearSiteData?: readonly SiteData[]) {
  await visitor.visit((session) => session.login('ada'))
  const { session, respond } = visitor.begin()
  ;(await session()).logout(clearSiteData && { clearSiteData })
  return (await respond()).clearSiteData
}

describe('clearSiteData', () => {
  it('is nothing by default', async () => {
    assert.equal(await loggedOut(fixture().visitor()), undefined)
  })

  it('is what the logout names, and nothing else', async () => {
    const { visitor } = fixture({ clearSiteData: ['cache'] })
    assert.equal(await loggedOut(visitor()), '"cache"')
    assert.equal(
      await loggedOut(visitor(), ['storage', 'executionContexts', 'storage']),
      '"storage", "executionContexts"',
    )
    assert.equal(await loggedOut(visitor(), []), undefined)
  })

  it('has cookies only where they are named: they are those of the whole domain', async () => {
    const { visitor } = fixture()
    assert.doesNotMatch((await loggedOut(visitor(), ['storage', 'cache'])) ?? '', /cookies/)
    assert.equal(await loggedOut(visitor(), ['cookies']), '"cookies"')
    assert.throws(() => fixture({ clearSiteData: ['*'] as never }), /which clears cookies, too: name what/)
  })

  it('is not sent over http, where browsers do not obey it', async () => {
    const { visitor } = fixture({ clearSiteData: STORAGE, cookie: { name: 'id', secure: false } })
    assert.equal(await loggedOut(visitor()), undefined)
    assert.equal(await loggedOut(visitor(), STORAGE), undefined)
  })

  it('is sent after save(), and with a new session that begins after the logout', async () => {
    const visitor = fixture().visitor()
    await visitor.visit((session) => session.login('ada'))
    const { session, save, respond } = visitor.begin()
    const here = await session()
    here.logout({ clearSiteData: STORAGE })
    await save()
    here.flash('notice', 'Goodbye.')
    assert.equal((await respond()).clearSiteData, '"storage"')
    await visitor.visit((session) => assert.deepEqual(session.flash('notice'), ['Goodbye.']))
  })

  it('is not sent by a logout that has failed: the session goes on, and so do the pages that have its data', async () => {
    const { visitor, fail } = fixture({ clearSiteData: STORAGE })
    const guest = visitor()
    await guest.visit((session) => session.login('ada'))
    const { session, respond } = guest.begin()
    ;(await session()).logout()
    fail.when = () => new Error('down')
    await assert.rejects(respond(), StoreError)
    assert.equal((await respond(503)).clearSiteData, undefined)
  })

  it('is refused when it is wrong, by createSessions and by logout', async () => {
    for (const wrong of ['storage', ['Storage'], [1], [null], {}, 1, null]) {
      assert.throws(() => fixture({ clearSiteData: wrong as never }), ConfigError, String(wrong))
      const { session } = fixture().visitor().begin()
      const here = await session()
      here.set('a', 1)
      assert.throws(() => here.logout({ clearSiteData: wrong as never }), TypeError, String(wrong))
      assert.equal(here.get('a'), 1)
    }
    const here = await fixture().visitor().begin().session()
    assert.throws(() => here.logout({ clear: ['storage'] } as never), /has no option 'clear'\. Known: clearSiteData\./)
    assert.throws(() => here.logout('storage' as never), /takes its options as an object/)
  })

  it('is refused where clients are no browsers', async () => {
    const options = { secrets: secret('a'), store: cookie(), transport: bearer(), namespace: 'app' }
    assert.throws(() => createSessions({ ...options, clearSiteData: STORAGE }), /it is for browsers/)
    const here = await createSessions(options).open({}).get()
    assert.throws(() => here.logout({ clearSiteData: STORAGE }), UnsupportedError)
    here.logout()
  })

  it('is refused in a Worker, which says what to import', async () => {
    const options = { secrets: secret('a'), store: cookie() }
    assert.throws(() => worker.createSessions({ ...options, clearSiteData: STORAGE }), /'strongroom\/stores'/)
    const here = await worker.createSessions(options).open({}).get()
    assert.throws(() => here.logout({ clearSiteData: STORAGE }), /'strongroom\/stores'/)
    here.logout()
  })
})
