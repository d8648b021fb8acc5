import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { sectionOf } from '../../demo/pages/documentation.ts'
import { lookAt } from '../../demo/search/look.ts'
import { spellingsOf } from '../../demo/search/spellings.ts'
import { ask } from '../../demo/targets/ask.ts'
import { Targets } from '../../demo/targets/targets.ts'
import { folder } from '../browser/running.ts'

const isFound = (note: string, bytes: Buffer) =>
  spellingsOf(note).some((spelling) => bytes.includes(Buffer.from(spelling.bytes)))
const note = () =>
  fc.string({ minLength: 8, maxLength: 60, unit: 'grapheme' }).filter((text) => text.trim().length >= 8)

suite('the search finds a note', () => {
  const ways: readonly [string, (note: string) => string | Buffer][] = [
    ['as plain text', (note) => note],
    ['in JSON', (note) => JSON.stringify({ note })],
    ['in JSON in base64', (note) => Buffer.from(JSON.stringify({ note })).toString('base64')],
    ['in JSON in base64url', (note) => Buffer.from(JSON.stringify({ note })).toString('base64url')],
    ['in hexadecimal', (note) => Buffer.from(note).toString('hex')],
    ['in upper-case hexadecimal', (note) => Buffer.from(note).toString('hex').toUpperCase()],
    ['percent-encoded', (note) => encodeURIComponent(note)],
    ['in JSON that is percent-encoded', (note) => encodeURIComponent(JSON.stringify({ note }))],
  ]
  for (const [title, write] of ways)
    test(title, () => {
      fc.assert(
        fc.property(note(), fc.uint8Array({ maxLength: 7 }), fc.uint8Array({ maxLength: 7 }), (text, before, after) => {
          assert.ok(isFound(text, Buffer.concat([before, Buffer.from(write(text)), after])))
        }),
      )
    })

  test('in JSON in base64, although JSON escapes a part of it', () => {
    const text = '<img src=x onerror=alert(1)>"\\'
    for (const before of ['', 'a', 'ab']) {
      const cookie = Buffer.from(before + JSON.stringify({ note: text })).toString('base64url')
      assert.ok(isFound(text, Buffer.from(cookie)), before)
    }
  })

  test('in base64, whatever number of bytes comes before it', () => {
    for (const before of ['', 'a', 'ab', 'abc', 'abcd'])
      assert.ok(
        isFound('under the mat', Buffer.from(Buffer.from(`${before}under the mat!`).toString('base64'))),
        before,
      )
  })

  test('and finds none in random bytes', () => {
    for (let i = 0; i < 50; i++) assert.ok(!isFound('eight ch', randomBytes(100_000)))
  })
})

suite('a look at an engine', { timeout: 60_000 }, () => {
  const NOTE = 'the canary sings under the third flowerpot'
  const EXPECTED: Readonly<Record<string, readonly [cookie: string | null, store: string | null]>> = {
    memory: [null, 'as plain text'],
    file: [null, null],
    sqlite: [null, null],
    'signed-cookie': ['in base64', null],
    'sealed-cookie': [null, null],
    'revocable-cookie': [null, null],
    'express-session': [null, 'as plain text'],
    'express-session-regenerate': [null, 'as plain text'],
    'cookie-session': ['in base64', null],
  }

  test('finds the note where it can be read, and the row where it cannot', async (t) => {
    const secrets = randomBytes(32).toString('base64url')
    const targets = await Targets.open({ folder: folder(t), ownStore: null, key: 'k', secrets, plainCookie: false })
    t.after(() => targets.close())
    for (const target of targets.running) {
      const cookies = new Map<string, string>()
      const { setCookie } = await ask(target, 'k', { method: 'POST', path: '/note', fields: { note: NOTE }, cookies })
      for (const line of setCookie) cookies.set(line.split('=', 1)[0] ?? '', /=([^;]*)/.exec(line)?.[1] ?? '')
      const look = await lookAt(target, 'k', NOTE, cookies)
      assert.equal(look.state, 'kept', target.name)
      assert.deepEqual([look.inCookie?.how ?? null, look.inStore?.how ?? null], EXPECTED[target.name], target.name)
      if (target.name === 'file' || target.name === 'sqlite') {
        const { file, offset = 0 } = look.rowAt ?? {}
        const start = Buffer.from(look.row?.bytes.subarray(0, 40) ?? [])
        assert.ok(start.equals(Buffer.from(file?.bytes.subarray(offset, offset + 40) ?? [])), target.name)
      }
      assert.equal((await lookAt(target, 'k', 'another note', cookies)).state, 'none')
      assert.equal((await lookAt(target, 'k', NOTE, new Map())).state, 'none')
    }
  })

  test('says that a store which is stopped does not answer, and that a session which is over is gone', async (t) => {
    const secrets = randomBytes(32).toString('base64url')
    const targets = await Targets.open({ folder: folder(t), ownStore: null, key: 'k', secrets, plainCookie: false })
    t.after(() => targets.close())
    const target = targets.running.find(({ name }) => name === 'file')
    assert.ok(target && typeof target.outage !== 'string')
    const question = { method: 'POST', fields: { note: NOTE } } as const
    const { setCookie } = await ask(target, 'k', { ...question, path: '/note', cookies: new Map() })
    const [, name = '', value = ''] = /^([^=]+)=([^;]+)/.exec(setCookie[0] ?? '') ?? []
    const cookies = new Map([[name, value]])
    await target.outage.stop()
    assert.equal((await lookAt(target, 'k', NOTE, cookies)).state, 'away')
    await target.outage.start()
    assert.equal((await lookAt(target, 'k', NOTE, cookies)).state, 'kept')
    await ask(target, 'k', { ...question, path: '/logout', cookies })
    assert.equal((await lookAt(target, 'k', NOTE, cookies)).state, 'gone')
  })
})

test('a section of the documentation goes to the next heading of its level', () => {
  const text = '# Page\n\n## One, two\na\n### Inside\nb\n## Three\nc\n'
  assert.equal(sectionOf(text, 'one-two'), '## One, two\na\n### Inside\nb')
  assert.equal(sectionOf(text, 'inside'), '### Inside\nb')
  assert.equal(sectionOf(text, 'three'), '## Three\nc\n')
  for (const anchor of ['four', undefined, ['one-two']]) assert.equal(sectionOf(text, anchor), null)
})
