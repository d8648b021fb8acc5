import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { ON_SESSIONS } from '../../packages/cli/src/lab/attacks/on-sessions.ts'
import { NotShared, type Site } from '../../packages/cli/src/lab/site.ts'
import { find, named, said } from './findings.ts'
import { ours } from './ours.ts'

/** What an attack finds where there is nothing to attack. */
const NOT_APPLICABLE: Readonly<Record<string, readonly string[]>> = {
  memory: ['renewals-pile-up', 'store-away'],
  'cookie with revocations': ['renewals-pile-up', 'store-away', 'session-limit'],
  cookie: [
    'renewals-pile-up',
    'store-away',
    'session-limit',
    'unmet-secret',
    'two-cookies',
    'clocks-apart',
    'login-and-revoke-all',
    'renewal-and-revoke-all',
    'replay-after-revoke-all',
    'slow-request-and-revoke-all',
    // A logout ends no copy of the cookie here, with or without a second one.
    'two-cookies',
  ],
}

for (const name of ['memory', 'cookie', 'cookie with revocations'] as const)
  suite(`attacks on sessions, on ${name}`, () => {
    for (const attack of ON_SESSIONS)
      test(`${attack.name} does not break what is promised, and does no harm where it says so`, async () => {
        const site = await ours(name)
        const finding = await find(attack.name, site)
        if (attack.harmless) assert.equal(await site.live(), 0, 'it leaves sessions behind')
        if (NOT_APPLICABLE[name]?.includes(attack.name)) {
          assert.equal(finding.verdict, 'not applicable', JSON.stringify(finding))
          return
        }
        assert.ok(finding.evidence.length > 0)
        if (attack.promised(site.row)) assert.equal(finding.verdict, 'held', JSON.stringify(finding))
      })
  })

suite('what is said of an engine', () => {
  test('a copied cookie of the bare cookie engine outlives its logout, which nobody promises', async () => {
    const site = await ours('cookie')
    const attack = named('replay-after-logout')
    assert.equal(attack.promised(site.row), false)
    assert.equal((await find('replay-after-logout', site)).verdict, 'broken')
  })

  test('an altered cookie of ours is accepted in no spelling at all', async () => {
    for (const name of ['memory', 'cookie'] as const) {
      const finding = await find('alter-a-cookie', await ours(name))
      assert.equal(said(finding, /exactly the session/), '0')
      assert.ok(Number(said(finding, /flipped in a bit of what it encodes/)) > 300)
    }
  })

  test('made-up tokens are tried eight at a time where an application looks at eight', async () => {
    const finding = await find('made-up-tokens', await ours('memory'))
    // 10,000, unless the machine is busy.
    const sent = Number(said(finding, /tokens sent/))
    assert.ok(sent > 1_000 && sent <= 10_000, `${sent} were sent`)
    assert.equal(said(finding, /under another secret/), '500')
    assert.equal(said(finding, /statuses/), `200 × ${sent / 8}`)
  })

  test('sessions that stay in one process cannot be attacked on two servers', async () => {
    const site = await ours('memory')
    const alone: Site = {
      ...site,
      another: async () => {
        throw new NotShared('Sessions of this row stay in one process.')
      },
    }
    await assert.rejects(find('two-servers', alone), NotShared)
  })

  test('every attack names a page of the documentation, and a heading of it', () => {
    for (const { name, docs } of ON_SESSIONS) {
      const [page = '', heading] = docs.split('#')
      const headings = [...readFileSync(page, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, text = '']) =>
        text
          .toLowerCase()
          .replace(/[^\w\- ]/g, '')
          .replaceAll(' ', '-'),
      )
      if (heading !== undefined) assert.ok(headings.includes(heading), `${name}: ${docs}`)
    }
  })
})
