import assert from 'node:assert/strict'
import { text } from './application.ts'
import { barrier, gate } from './gate.ts'
import type { Property } from './property.ts'

/** Concurrent requests of one visitor. */
export function concurrency(property: Property): void {
  property.of('versions', 'fifty concurrent requests that set fifty keys lose none', async ({ site }) => {
    const all = barrier(50)
    const here = await site({
      async '/add'({ session, query }) {
        const s = await session()
        await all()
        s.set(query.get('key') ?? '', true)
        return text('')
      },
    })
    const visitor = here.visitor()
    await visitor.must('/set?begin=1')
    const keys = Array.from({ length: 50 }, (_, index) => `key${index}`)
    await Promise.all(keys.map((key) => visitor.must(`/add?key=${key}`)))
    const { userId, begin, ...rest } = await visitor.facts()
    assert.deepEqual(Object.keys(rest).sort(), [...keys].sort())
  })

  property.of('versions', 'a hundred concurrent update() increments add up to a hundred', async ({ site }) => {
    const all = barrier(100)
    const here = await site({
      async '/count'({ session }) {
        const s = await session()
        await all()
        s.update('n', (n) => Number(n ?? 0) + 1)
        return text('')
      },
    })
    const visitor = here.visitor()
    await visitor.must('/set?begin=1')
    await Promise.all(Array.from({ length: 100 }, () => visitor.must('/count')))
    assert.equal((await visitor.facts()).n, 100)
  })

  property.of('versions', 'a slow request overwrites only the keys that it changed itself', async ({ site }) => {
    const [loaded, written] = [gate(), gate()]
    const here = await site({
      async '/slow'({ session }) {
        const s = await session()
        loaded.open()
        await written.opened
        s.set('mine', 2).delete('gone')
        return text('')
      },
    })
    const visitor = here.visitor()
    await visitor.must('/set?mine=1&other=1&gone=1')
    const slow = visitor.must('/slow')
    await loaded.opened
    await visitor.must('/set?other=2')
    written.open()
    await slow
    assert.deepEqual(await visitor.facts(), { userId: null, mine: 2, other: '2' })
  })

  property.of('revocable', 'a slow request does not bring back a session that was logged out', async ({ site }) => {
    const [loaded, ended] = [gate(), gate()]
    const here = await site({
      async '/slow'({ session }) {
        const s = await session()
        loaded.open()
        await ended.opened
        s.set('late', true)
        return text('the body of the application')
      },
    })
    const visitor = here.visitor()
    await visitor.must('/login')
    const cookie = visitor.jar.header() ?? ''
    const slow = here.visitor().ask('/slow', { cookie })
    await loaded.opened
    await visitor.must('/logout')
    ended.open()
    const page = await slow
    assert.equal(page.status, 409)
    assert.doesNotMatch(page.text, /body of the application/)
    assert.deepEqual(page.all('set-cookie'), [])
    assert.deepEqual(await here.visitor().facts(cookie), { userId: null })
  })

  property.of(
    'revocable',
    'a slow request that only read the session gets its page after the logout',
    async ({ site }) => {
      const [loaded, ended] = [gate(), gate()]
      const here = await site({
        async '/slow'({ session }) {
          const s = await session()
          loaded.open()
          await ended.opened
          return text(`${s.userId}`)
        },
      })
      const visitor = here.visitor()
      await visitor.must('/login?user=ada')
      const cookie = visitor.jar.header() ?? ''
      const slow = here.visitor().ask('/slow', { cookie })
      await loaded.opened
      await visitor.must('/logout')
      ended.open()
      const page = await slow
      assert.equal(page.status, 200)
      assert.equal(page.text, 'ada')
    },
  )
}
