import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { ENVIRONMENTS } from './environments.ts'
import { onEach } from './fixtures/environment.ts'
import { Browser, type Site, sites } from './fixtures/site.ts'

onEach(
  ENVIRONMENTS,
  { title: 'concurrent requests for one session, from two processes where the store can be shared,', synced: false },
  ({ staleFor = 0 }, running) => {
    let all: Site[] = []
    before(async () => {
      all = await sites(running(), 2)
    })
    after(() => Promise.all(all.map((site) => site.close())))
    const site = (index: number) => all[index % all.length] as Site

    it('that set fifty different keys lose none of them', async () => {
      for (let round = 0; round < 3; round++) {
        const browser = new Browser()
        await browser.page(site(0), '/login')
        const keys = Array.from({ length: 50 }, (_, i) => `key${i}`)
        await Promise.all(keys.map((key, i) => browser.copy().page(site(i), `/set?key=${key}`)))
        await wait(staleFor)
        for (const location of all) {
          const { user, data } = await browser.page(location, '/read')
          assert.equal(user, 'ada')
          assert.deepEqual(Object.keys(data).sort(), keys.sort())
        }
      }
    })

    it('that increment a counter two hundred times end at two hundred', async () => {
      const browser = new Browser()
      await browser.page(site(0), '/login')
      for (let wave = 0; wave < 4; wave++)
        await Promise.all(Array.from({ length: 50 }, (_, i) => browser.copy().page(site(i), '/count')))
      await wait(staleFor)
      assert.deepEqual((await browser.page(site(1), '/read')).data, { n: 200 })
    })
  },
)
