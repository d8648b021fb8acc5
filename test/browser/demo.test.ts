import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, type TestContext, test } from 'node:test'
import type { Browser, BrowserContextOptions } from 'playwright-core'
import { need } from '../support/need.ts'
import { launch, Person, shown } from './person.ts'
import { folder, running } from './running.ts'

const chromium = need('chromium')
const CANARY = 'the canary sings under the third flowerpot'

/** Elements that stick out of their panel. Elements that scroll by themselves do not count. */
const STICKING_OUT = `[...document.querySelectorAll('.panel')].flatMap((panel) =>
  [...panel.querySelectorAll(':not(.dump *, pre *)')]
    .filter((part) => part.getBoundingClientRect().right > panel.getBoundingClientRect().right)
    .map((part) => part.outerHTML))`

suite('the demo in a browser', { skip: chromium.skip, timeout: 300_000 }, () => {
  let browser: Browser
  before(async () => {
    browser = await launch(chromium.path)
  })
  after(() => browser?.close())

  /** Opens a browser profile in which no error may occur. */
  async function person(t: TestContext, url: string, options?: BrowserContextOptions): Promise<Person> {
    const person = await Person.at(browser, url, options)
    t.after(async () => {
      await person.context.close()
      assert.deepEqual(person.complaints, [])
    })
    return person
  }

  suite('with its sessions in SQLite', () => {
    let site: Awaited<ReturnType<typeof running>>
    const cleanups: (() => unknown)[] = []
    const whole = { after: (done: () => unknown) => cleanups.unshift(done) }
    const cwd = folder(whole)
    before(async () => {
      site = await running(whole, [], cwd)
    })
    after(async () => {
      for (const cleanUp of cleanups) await cleanUp()
    })

    test('a basket that was filled before signing in is kept', async (t) => {
      const tab = await (await person(t, site.url)).tab()
      await tab.add('Cash box')
      assert.match(await tab.text(), /Cash box added to your basket/)
      await tab.press('One more Cash box')
      await tab.add('Skeleton key')
      await tab.click(tab.page.getByRole('link', { name: 'Sign in', exact: true }).first())
      assert.match(await tab.text(), /Your basket comes along/)
      await tab.press('Ada')
      assert.equal(await tab.user(), 'Ada')
      assert.deepEqual(await tab.basket(), ['1 × Skeleton key', '2 × Cash box'])
      await tab.press('One Cash box less')
      assert.deepEqual(await tab.basket(), ['1 × Skeleton key', '1 × Cash box'])
      await tab.press('Empty the basket')
      assert.deepEqual(await tab.basket(), [])
    })

    test('two tabs that add articles concurrently lose none', async (t) => {
      const visitor = await person(t, site.url)
      const one = await visitor.signedIn('Grace')
      const two = await visitor.tab()
      const often = async (add: () => Promise<void>) => {
        for (let i = 0; i < 6; i++) await add()
      }
      await Promise.all([often(() => one.add('Brass padlock')), often(() => two.add('Brass padlock'))])
      await Promise.all([one.add('Vault dial'), two.add('Night lantern')])
      await one.go('/')
      assert.deepEqual(await one.basket(), ['12 × Brass padlock', '1 × Vault dial', '1 × Night lantern'])
    })

    test('a restart of the server signs nobody out', async (t) => {
      const visitor = await person(t, site.url)
      const tab = await visitor.signedIn('Radia')
      await tab.add('Ruled ledger')
      await site.demo.stop()
      // On another port. Cookies do not depend on the port.
      site = await running(whole, [], cwd)
      await tab.go(site.url)
      assert.equal(await tab.user(), 'Radia')
      assert.deepEqual(await tab.basket(), ['1 × Ruled ledger'])
    })

    test('one device logs the other out', async (t) => {
      const home = await (await person(t, site.url)).signedIn('Hopper')
      const away = await (await person(t, site.url)).signedIn('Hopper')
      await home.go('/devices')
      const devices = home.page.locator('.devices > li')
      assert.equal(await devices.count(), 2)
      assert.equal(await devices.filter({ hasText: 'This device' }).count(), 1)
      assert.match(await shown(devices.first()), /Chrome on Linux/)
      await home.click(devices.filter({ hasNotText: 'This device' }).getByRole('button', { name: 'Log out' }))
      assert.match(await home.text(), /That device is logged out/)
      assert.equal(await devices.count(), 1)
      assert.equal(await home.user(), 'Hopper')
      await away.go('/devices')
      assert.match(await away.text(), /This browser’s session has ended/)
      assert.equal(await away.user(), null)
      await away.signIn('Hopper')
      assert.match(await away.text(), /Your devices/)
    })

    test('logging out everywhere else leaves this device alone', async (t) => {
      const home = await (await person(t, site.url)).signedIn('Lovelace', '/devices')
      assert.equal(await home.button('Log out everywhere else').isDisabled(), true)
      const others = [
        await (await person(t, site.url)).signedIn('Lovelace'),
        await (await person(t, site.url)).signedIn('Lovelace'),
      ]
      const stranger = await (await person(t, site.url)).signedIn('Babbage')
      await home.go('/devices')
      await home.press('Log out everywhere else')
      assert.match(await home.text(), /2 other devices are logged out/)
      assert.equal(await home.page.locator('.devices > li').count(), 1)
      for (const other of others) {
        await other.go('/')
        assert.equal(await other.user(), null)
      }
      await stranger.go('/')
      assert.equal(await stranger.user(), 'Babbage')
    })

    test('a cookie that is sent again after signing out is refused', async (t) => {
      const visitor = await person(t, site.url)
      const tab = await visitor.signedIn('Turing')
      const cookie = await visitor.cookie()
      assert.ok(cookie)
      await tab.press('Sign out')
      assert.match(await tab.text(), /You are signed out/)
      assert.equal(await visitor.cookie(), undefined)
      await visitor.context.addCookies([cookie])
      await tab.go('/')
      assert.equal(await tab.user(), null)
      await tab.go('/session')
      assert.match(await tab.text(), /You have none/)
    })

    test('after a change of the lock the old cookie is refused', async (t) => {
      const visitor = await person(t, site.url)
      const tab = await visitor.signedIn('Knuth', '/session')
      const before = await visitor.cookie()
      await tab.press('Change the lock')
      assert.equal(await tab.user(), 'Knuth')
      assert.ok(before && before.value !== (await visitor.cookie())?.value)
      await visitor.context.addCookies([before])
      await tab.go('/')
      assert.equal(await tab.user(), null)
    })

    test('the cookie cannot be reached by scripts or by other sites', async (t) => {
      const visitor = await person(t, site.url)
      const tab = await visitor.signedIn('Liskov')
      const { httpOnly, secure, sameSite, expires, path } = (await visitor.cookie()) ?? {}
      assert.deepEqual(
        { httpOnly, secure, sameSite, expires, path },
        { httpOnly: true, secure: true, sameSite: 'Lax', expires: -1, path: '/' },
      )
      assert.equal(await tab.page.evaluate('document.cookie'), '')
      await tab.go('/sign-in')
      await tab.page.getByLabel('Keep me signed in').check()
      await tab.signIn('Liskov')
      const days = ((await visitor.cookie())?.expires ?? 0) / 86_400 - Date.now() / 86_400_000
      assert.ok(days > 13.9 && days <= 14.01, String(days))
    })

    test('a form on another site is refused', async (t) => {
      const visitor = await Person.at(browser, site.url)
      t.after(() => visitor.context.close())
      const tab = await visitor.signedIn('Dijkstra')
      const form = `<form method="post" action="${site.url}/basket/add"><input name="sku" value="cash-box"><button>Win!</button></form>`
      await tab.go(`data:text/html,${encodeURIComponent(form)}`)
      await tab.press('Win!')
      assert.match(await tab.text(), /sent from another site/)
      await tab.go(site.url)
      assert.deepEqual(await tab.basket(), [])
    })

    test('the thief finds nothing in the cookie, in the row, or in the database', async (t) => {
      const visitor = await person(t, site.url)
      const tab = await visitor.signedIn('Shannon')
      await tab.add('Vault dial')
      await tab.keepNote(CANARY)
      await tab.go('/thief')
      const text = await tab.text()
      assert.match(text, /Nothing of yours can be found/)
      // Once in the list of what was searched for, and once in the clear, as the application sees it.
      assert.equal(text.split(CANARY).length, 3)
      assert.equal(await tab.page.locator('td', { hasText: /^not found$/ }).count(), 6)
      assert.equal(await tab.page.locator('.found').count(), 0)
      assert.equal(await shown(tab.page.locator('.raw')), (await visitor.cookie())?.value)
      assert.match(await shown(tab.page.locator('.bytes.both pre')), new RegExp(CANARY))
      const bytes = readdirSync(join(cwd, '.strongroom')).map((name) => readFileSync(join(cwd, '.strongroom', name)))
      for (const secret of [CANARY, 'Shannon', 'shannon', 'vault-dial'])
        assert.ok(!bytes.some((file) => file.includes(secret)), secret)
    })

    test('a visitor without a session has nothing to steal, and no cookie', async (t) => {
      const visitor = await person(t, site.url)
      const tab = await visitor.tab('/thief')
      assert.match(await tab.text(), /there is nothing to steal/)
      for (const path of ['/', '/session', '/sign-in', '/devices']) await tab.go(path)
      assert.equal(await visitor.cookie(), undefined)
    })

    test('everything works with the keyboard alone', async (t) => {
      const { page } = await (await person(t, site.url)).tab()
      const focused = () =>
        page.evaluate(
          '(document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent).trim()',
        )
      await page.keyboard.press('Tab')
      assert.equal(await focused(), 'Skip to the content')
      const tabTo = async (name: string) => {
        for (let i = 0; i < 40 && (await focused()) !== name; i++) await page.keyboard.press('Tab')
        assert.equal(await focused(), name)
        assert.notEqual(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle'), 'none')
      }
      const enter = () => Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')])
      await tabTo('Sign in')
      await enter()
      // The field gets the focus by itself, but perhaps only after the load event.
      await page.locator('input:focus').waitFor()
      await page.keyboard.type('Engelbart')
      await enter()
      await tabTo('Add Ruled ledger to the basket')
      await enter()
      await tabTo('One more Ruled ledger')
      await enter()
      assert.equal(await shown(page.locator('.who .name')), 'Engelbart')
      assert.equal(await shown(page.locator('output')), '2')
    })

    test('everything works without JavaScript', async (t) => {
      const tab = await (await person(t, site.url, { javaScriptEnabled: false })).signedIn('Stallman')
      await tab.add('Cash box')
      assert.deepEqual(await tab.basket(), ['1 × Cash box'])
      await tab.go('/session')
      assert.match(await tab.text(), /just now .*UTC/)
      await tab.go('/thief')
      assert.match(await tab.text(), /Nothing of yours can be found/)
      await tab.go('/devices')
      await tab.press(/^Log out .*this device$/)
      assert.match(await tab.text(), /You are signed out/)
    })

    for (const [device, viewport] of [
      ['a phone', { width: 360, height: 740 }],
      ['a tablet', { width: 800, height: 1100 }],
    ] as const)
      test(`no page is wider than ${device}, and each has a name and landmarks`, async (t) => {
        const visitor = await person(t, site.url, { viewport })
        const tab = await visitor.signedIn('Marguerite Wolfeschlegelsteinhausen')
        await tab.add('Cash box')
        await tab.keepNote('x'.repeat(200))
        for (const path of ['/', '/sign-in', '/devices', '/session', '/thief']) {
          await tab.go(path)
          assert.equal(await tab.page.evaluate('document.documentElement.scrollWidth'), viewport.width, path)
          assert.deepEqual(await tab.page.evaluate(STICKING_OUT), [], `sticks out of its panel on ${path}`)
          assert.match(await tab.page.title(), / · Strongroom$/)
          for (const landmark of ['banner', 'navigation', 'main', 'contentinfo'] as const)
            assert.equal(await tab.page.getByRole(landmark).count(), 1, `${landmark} of ${path}`)
          assert.equal(await tab.page.getByRole('heading', { level: 1 }).count(), 1)
        }
      })
  })

  test('with its sessions in memory the thief sees their data, and a cookie is refused after signing out', async (t) => {
    const { url } = await running(t, ['--store', 'memory:'])
    const visitor = await person(t, url)
    const tab = await visitor.signedIn('Ada')
    await tab.keepNote(CANARY)
    await tab.go('/thief')
    assert.match(await tab.text(), /Your data can be read/)
    assert.match(await shown(tab.page.locator('pre.plain')), new RegExp(`"note":"${CANARY}"`))
    const cookie = await visitor.cookie()
    assert.ok(cookie)
    await tab.press('Sign out')
    await visitor.context.addCookies([cookie])
    await tab.go('/')
    assert.equal(await tab.user(), null)
  })

  test('with its sessions in cookies nothing is on the server, and a restart signs nobody out', async (t) => {
    const cwd = folder(t)
    const { demo, url } = await running(t, ['--store', 'cookie:'], cwd)
    const visitor = await person(t, url)
    const tab = await visitor.tab()
    await tab.add('Night lantern')
    await tab.keepNote(CANARY)
    await tab.go('/sign-in')
    await tab.signIn('Ada')
    await demo.stop()
    const again = await running(t, ['--store', 'cookie:'], cwd)
    await tab.go(again.url)
    assert.equal(await tab.user(), 'Ada')
    assert.deepEqual(await tab.basket(), ['1 × Night lantern'])
    await tab.go(`${again.url}/thief`)
    assert.match(await tab.text(), /On the server: nothing/)
    assert.match(await tab.text(), /Nothing of yours can be found/)
    const bytes = Buffer.from((await visitor.cookie())?.value ?? '', 'base64url')
    assert.ok(bytes.length > 0 && !bytes.includes(CANARY))
    assert.deepEqual(readdirSync(join(cwd, '.strongroom')), ['demo.key'])
    await tab.go(`${again.url}/devices`)
    assert.match(await tab.text(), /no list of them/)
  })

  test('with its sessions in cookies and revocations in a store, an old cookie is refused', async (t) => {
    const { url } = await running(t, ['--store', 'cookie:?revocations=sqlite:./revocations.db'])
    const visitor = await person(t, url)
    const home = await visitor.signedIn('Ada')
    const away = await (await person(t, url)).signedIn('Ada')
    await home.go('/devices')
    await home.press('Log out everywhere else')
    assert.match(await home.text(), /Every other device is logged out/)
    assert.equal(await home.user(), 'Ada')
    await away.go('/')
    assert.equal(await away.user(), null)
    const cookie = await visitor.cookie()
    assert.ok(cookie)
    await home.press('Sign out')
    await visitor.context.addCookies([cookie])
    await home.go('/')
    assert.equal(await home.user(), null)
  })
})
