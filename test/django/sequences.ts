import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type ObjectNode, readJson } from '../../packages/django/src/json/read.ts'
import { plain, seenOf, value } from './samples.ts'
import { Browser, type Site } from './site.ts'
import { hashOf } from './storages.ts'

/** How many sequences one test runs. */
export const SEQUENCES = 20
const SEED = Number(process.env.STRONGROOM_SEED ?? Math.floor(Math.random() * 2 ** 31))

const AGE = 14 * 86_400
/** Some have escapes, which V8 confuses with others; some sort before others or look like numbers. */
const KEYS = ['a', '\\', '"', 'a\\n', 'a\nb', 'é🐍', '10', '__proto__'] as const

/** An expiry as either side is asked for it, and what it means: seconds, counted from each save or to a moment. */
interface Expiry {
  readonly django: string
  readonly node: string
  /** From now on. */
  age(): number
  readonly closing: boolean
}

const day = new Date((Math.floor(Date.now() / 1000) + 86_400) * 1000)
const EXPIRIES: readonly Expiry[] = [
  { django: 'null', node: 'null', age: () => AGE, closing: false },
  { django: '0', node: '"browser"', age: () => AGE, closing: true },
  { django: '300', node: '"5m"', age: () => 300, closing: false },
  { django: '2592000', node: '"30d"', age: () => 2_592_000, closing: false },
  {
    django: JSON.stringify(day.toISOString().replace('.000Z', '+00:00')),
    node: JSON.stringify({ at: day }),
    age: () => (day.getTime() - Date.now()) / 1000,
    closing: false,
  },
]
const [STANDARD] = EXPIRIES as readonly [Expiry]

type What =
  | { readonly verb: 'set'; readonly key: string; readonly text: string }
  | { readonly verb: 'delete'; readonly key: string }
  | { readonly verb: 'login'; readonly user: string }
  | { readonly verb: 'expiry'; readonly expiry: Expiry }
  | { readonly verb: 'logout' | 'renew' }
interface Step {
  readonly by: 'node' | 'django'
  readonly what: What
}

const key = fc.constantFrom(...KEYS)
const set = fc.record({ verb: fc.constant('set' as const), key, text: value })
const what: fc.Arbitrary<What> = fc.oneof(
  { weight: 5, arbitrary: set.filter(({ text }) => text.length < 300) },
  { weight: 2, arbitrary: fc.record({ verb: fc.constant('delete' as const), key }) },
  { weight: 2, arbitrary: fc.record({ verb: fc.constantFrom('renew' as const, 'logout' as const) }) },
  { weight: 2, arbitrary: fc.record({ verb: fc.constant('login' as const), user: fc.constantFrom('ada', 'bob') }) },
  { weight: 2, arbitrary: fc.record({ verb: fc.constant('expiry' as const), expiry: fc.constantFrom(...EXPIRIES) }) },
)
const step: fc.Arbitrary<Step> = fc.record({ by: fc.constantFrom('node' as const, 'django' as const), what })

/**
 * Lets a Django project and a Node application change one session in random order. After each step both must read the session that
 * the steps so far make: the same user, the same keys in the same order, every value exactly as it was written, and the same expiry.
 * Where sessions are `revocable`, a key that the step has replaced must open nothing.
 */
export async function runSequences(site: Site, { revocable }: { readonly revocable: boolean }): Promise<void> {
  // Other tests have changed it.
  await site.users.change("UPDATE auth_user SET password = ? WHERE username = 'bob'", [hashOf('secret')])
  const ids = { ada: await site.idOf('ada'), bob: await site.idOf('bob') }
  const sequences = fc.sample(fc.array(step, { minLength: 5, maxLength: 10 }), { seed: SEED, numRuns: SEQUENCES })
  for (const steps of sequences) {
    const sequence = new Sequence(site, ids, revocable)
    for (const [i, each] of steps.entries())
      await sequence.make(each).catch((cause) => {
        const done = JSON.stringify(steps.slice(0, i + 1))
        throw new Error(`STRONGROOM_SEED=${SEED} shows it again: ${String(cause)} after ${done}`, { cause })
      })
  }
}

/** One session, and what is expected of it. */
class Sequence {
  readonly #browser = new Browser()
  readonly #site: Site
  readonly #ids: Readonly<Record<string, string>>
  readonly #revocable: boolean
  #user: string | null = null
  #expiry = STANDARD
  /** The text of each value. */
  #values = new Map<string, string>()

  constructor(site: Site, ids: Readonly<Record<string, string>>, revocable: boolean) {
    this.#site = site
    this.#ids = ids
    this.#revocable = revocable
  }

  async make({ by, what }: Step): Promise<void> {
    // There is no session yet, and an expiry alone makes none in Node.
    if (what.verb === 'expiry' && this.#isEmpty) return
    const before = this.#browser.cookie
    await this.#ask(by, what)
    this.#expect(by, what)
    await this.#check(by, what)
    if (this.#revocable && before !== null && before !== this.#browser.cookie) await this.#isOver(before)
  }

  get #isEmpty(): boolean {
    return this.#user === null && this.#values.size === 0
  }

  async #ask(by: Step['by'], what: What): Promise<void> {
    const base = this.#site[by]
    const put = (text: string) => this.#browser.ask(base, '/put', text)
    if (what.verb === 'set') await put(`{${JSON.stringify(what.key)}:${what.text}}`)
    else await this.#browser.ask(base, pathOf(by, what))
  }

  #expect(by: Step['by'], what: What): void {
    switch (what.verb) {
      case 'set':
        // Replaced below by the text that was really written, if it means the same.
        this.#values.set(what.key, by === 'node' ? JSON.stringify(plain(what.text)) : what.text)
        return
      case 'delete':
        this.#values.delete(what.key)
        return
      case 'login':
        // Nobody gets the data of the user before.
        if (this.#user !== null && this.#user !== what.user) this.#end()
        this.#user = what.user
        return
      case 'logout':
        this.#end()
        return
      case 'expiry':
        this.#expiry = what.expiry
    }
  }

  #end(): void {
    this.#user = null
    this.#values = new Map()
    this.#expiry = STANDARD
  }

  async #check(by: Step['by'], what: What): Promise<void> {
    const { django, node } = this.#site
    if (this.#browser.line !== null && this.#browser.cookie !== null) assertLife(this.#browser.line, this.#expiry)
    const user = this.#user && this.#ids[this.#user]
    const theirs = await this.#browser.ask(django, '/state')
    const ours = await this.#browser.ask(node, '/state')
    assert.deepEqual([theirs.user, ours.user], [user, user], 'the user')
    const texts = new Map([...(readJson(theirs.data) as ObjectNode).entries].map(([key, { raw }]) => [key, raw]))
    if (what.verb === 'set') {
      const [written, given] = [texts.get(what.key) ?? 'null', this.#values.get(what.key) ?? 'null']
      const meaning = by === 'node' ? plain : seenOf
      assert.deepEqual(meaning(written), meaning(given), 'the value that was set')
      this.#values.set(what.key, written)
    }
    assert.deepEqual([...texts], [...this.#values], 'what Django reads')
    assert.deepEqual(plain(ours.data), seenOf(theirs.data), 'what Node reads')
    if (this.#isEmpty) return
    const [left, closes] = JSON.parse((await this.#browser.ask(django, '/expiry')).data)
    assertNear(left, this.#expiry.age(), 'Django’s age')
    assert.equal(closes, this.#expiry.closing)
  }

  async #isOver(cookie: string): Promise<void> {
    for (const base of [this.#site.node, this.#site.django])
      assert.deepEqual(await new Browser(cookie).ask(base, '/state'), { user: null, data: '{}' }, 'the old key')
  }
}

function pathOf(by: Step['by'], what: Exclude<What, { verb: 'set' }>): string {
  if (what.verb === 'delete') return `/delete?key=${encodeURIComponent(what.key)}`
  if (what.verb === 'login') return `/login?name=${what.user}&password=secret`
  return what.verb === 'expiry' ? `/expiry?to=${encodeURIComponent(what.expiry[by])}` : `/${what.verb}`
}

function assertLife(line: string, { age, closing }: Expiry): void {
  const seconds = Number(/max-age=(\d+)/i.exec(line)?.[1])
  if (closing) assert.ok(Number.isNaN(seconds), line)
  else assertNear(seconds, age(), 'the cookie')
}

/** Some time may have passed between the two. */
function assertNear(seconds: number, expected: number, what: string): void {
  assert.ok(Math.abs(seconds - expected) < 60, `${what}: ${seconds} s, not ${expected}`)
}
