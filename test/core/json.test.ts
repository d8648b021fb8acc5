import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readJson } from '../../packages/django/src/json/read.ts'
import { toValue } from '../../packages/django/src/json/view.ts'
import { parseJson } from '../../packages/strongroom/src/base/json.ts'
import { put } from '../../packages/strongroom/src/session/values.ts'
import { fixture } from './fixtures/fixture.ts'

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\b': '\\b', '"': '\\"', '\\': '\\\\', '/': '\\/' }

/** A JSON text together with what it means, which is known because both were made at the same time. */
interface Made {
  readonly text: string
  readonly value: unknown
}

/** The same few letters again and again, so that keys of one object look like the escaped text of another's. */
const string = fc
  .array(
    fc.tuple(
      fc.constantFrom('\\', '"', '/', 'n', 'b', 'u', '0', '1', '\n', 'é', '_', ':', ' '),
      fc.constantFrom(0, 1, 2),
    ),
    { maxLength: 3 },
  )
  .map((letters) => ({
    value: letters.map(([letter]) => letter).join(''),
    text: `"${letters.map(([letter, how]) => written(letter, how)).join('')}"`,
  }))

function written(letter: string, how: number): string {
  const must = letter === '"' || letter === '\\' || letter < ' '
  if (how === 0 && !must) return letter
  return (how < 2 && SHORT[letter]) || `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`
}

const key = fc.oneof(
  { weight: 9, arbitrary: string },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      { value: '__proto__', text: '"__proto__"' },
      { value: '__proto__', text: '"\\u005f_proto__"' },
      { value: '7', text: '"\\u0037"' },
    ),
  },
)

const space = fc.constantFrom('', '', ' ', '\n\t')

function objectOf(pairs: readonly (readonly [Made, Made, string])[]): Made {
  const value = {}
  for (const [name, made] of pairs) put(value, name.value as string, made.value)
  return { value, text: `{${pairs.map(([name, made, gap]) => `${gap}${name.text}${gap}:${gap}${made.text}`)}}` }
}

const { document } = fc.letrec<{ document: Made; node: Made }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small' },
    fc
      .constantFrom('1', '-0.5', '0', 'true', 'null', '1e3', '[]', '{}')
      .map((text) => ({ text, value: JSON.parse(text) })),
    string,
    fc.array(tie('node'), { maxLength: 3 }).map((items) => ({
      value: items.map(({ value }) => value),
      text: `[${items.map(({ text }) => text).join(' ,')}]`,
    })),
    tie('document'),
  ),
  document: fc.array(fc.tuple(key, tie('node'), space), { maxLength: 4 }).map(objectOf),
}))

test('10,000 texts with escapes in their keys are parsed right, whatever was parsed before', (t) => {
  let misreadByV8 = 0
  for (const { text, value } of fc.sample(document, 10_000)) {
    const parsed = parseJson(text)
    // A string, because deepEqual does not compare the order of keys.
    assert.equal(JSON.stringify(parsed), JSON.stringify(value), text)
    assert.deepEqual(parsed, value)
    assert.equal(JSON.stringify(toValue(readJson(text))), JSON.stringify(value))
    if (JSON.stringify(JSON.parse(text)) !== JSON.stringify(value)) misreadByV8++
  }
  t.diagnostic(`JSON.parse of Node ${process.versions.node} misread ${misreadByV8} of them`)
})

test('a key with an escape is read as it was written after an object with a similar key', () => {
  for (const before of ['\\', '\\u', 'a\\n', '\\\\'])
    for (const after of ['"', 'A', 'a\nb', '\\"', '\n', '\n\n']) {
      parseJson(`{"first":1,${JSON.stringify(before)}:1}`)
      const texts = [JSON.stringify(after), `"${[...after].map((letter) => written(letter, 2)).join('')}"`]
      for (const text of texts) assert.deepEqual(parseJson(`{"first":1,${text}:1}`), { first: 1, [after]: 1 })
    }
})

test('what JSON.parse refuses is refused', () => {
  const key = '{"\\n":1'
  const whole = `${key}}`
  for (const text of [
    ...[key, `${key},`, `${key},}`, `${key},1}`, `${key} 2}`, `${whole}x`, `${whole}{}`, '{"\\n":}', '{"\\n":[1,]}'],
    ...['{"\\n":[1 2]}', '{"\\n":[,1]}', '{,"\\n":1}', '{"\\n" 1,"\\n":1}', '{"\\x":1}', '{"\\n":01}', '{"\\n":tru}'],
    ...['{"\\n":"x}', '{"\\n":1]', '["\\n":1]', '{1:"\\n","a\\n":1}', '{"\\n":1\u00a0}', '{"a\\":1', '\\a":'],
  ]) {
    assert.throws(() => JSON.parse(text), SyntaxError, text)
    assert.throws(() => parseJson(text), SyntaxError, text)
  }
})

test('a long text with many escapes is parsed in linear time', () => {
  const text = JSON.stringify({ 'a\n': '\\"'.repeat(400_000), b: `${'\\'.repeat(400_000)} `.repeat(2) })
  const startedAt = performance.now()
  assert.equal(JSON.stringify(parseJson(text)), text)
  assert.ok(performance.now() - startedAt < 5000)
})

test('no visitor’s keys rename those of another', async () => {
  const { visitor } = fixture({ memo: false })
  const [first, second] = [visitor(), visitor()]
  // Without a prototype, an object has no shape that V8 could compare with. It is as if another process had stored it.
  const stored = (name: string) => Object.assign(Object.create(null), { 'a cart': 1, [name]: 1 })
  await first.visit((session) => session.set('value', stored('\\')))
  await second.visit((session) => session.set('value', stored('"')))
  for (const [browser, name] of [
    [first, '\\'],
    [second, '"'],
  ] as const)
    assert.deepEqual(Object.keys(await browser.visit((session) => session.get('value'))), ['a cart', name])
})
