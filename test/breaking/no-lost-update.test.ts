import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { Browser, type Site, sites } from './kit/site.ts'
import { onEach } from './kit/world.ts'
import { WORLDS } from './worlds.ts'

onEach(
  WORLDS,
  { title: 'parallel requests for one session, from two processes where the store is seen by two,', synced: false },
  ({ staleFor = 0 }, place) => {
    let all: Site[] = []
    before(async () => {
      all = await sites(place(), 2)
    })
    after(() => Promise.all(all.map((site) => site.close())))
    const site = (index: number) => all[index % all.length] as Site

    it('fifty that each set another key leave fifty keys', async () => {
      for (let round = 0; round < 3; round++) {
        const browser = new Browser()
        await browser.page(site(0), '/login')
        const keys = Array.from({ length: 50 }, (_, i) => `key${i}`)
        await Promise.all(keys.map((key, i) => browser.copy().page(site(i), `/set?key=${key}`)))
        await wait(staleFor)
        for (const where of all) {
          const { user, data } = await browser.page(where, '/read')
          assert.equal(user, 'ada')
          assert.deepEqual(Object.keys(data).sort(), keys.sort())
        }
      }
    })

    it('two hundred that count end at two hundred', async () => {
      const browser = new Browser()
      await browser.page(site(0), '/login')
      for (let wave = 0; wave < 4; wave++)
        await Promise.all(Array.from({ length: 50 }, (_, i) => browser.copy().page(site(i), '/count')))
      await wait(staleFor)
      assert.deepEqual((await browser.page(site(1), '/read')).data, { n: 200 })
    })
  },
)
