import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import fc from 'fast-check'
import { BadPayloadError } from '../../packages/django/src/errors.ts'
import { readJson } from '../../packages/django/src/json/read.ts'
import { patchJson, toJsonValue, toValue } from '../../packages/django/src/json/view.ts'
import { float, reprFloat, writeJson } from '../../packages/django/src/json/write.ts'
import { DataError } from '../../packages/strongroom/src/errors.ts'
import { Django, djangoNeed } from './peer.ts'

// biome-ignore lint/suspicious/noExplicitAny: each document has its own shape
type Document = any

/** Reads a document as JSON values, changes them, and writes it again, like a request does. */
function through(text: string, change: (values: Document) => void = () => undefined): string {
  const node = readJson(text)
  const values = JSON.parse(JSON.stringify(toJsonValue(node)))
  change(values)
  return patchJson(node, values)
}

const ODD =
  '{"10":1.0,"2":12345678901234567890,"b":1e+22,"a":1e-07,"__proto__":{"x":1.50},"nan":NaN,"inf":-Infinity,"s":"\\u00e9\\ud83d","list":[1.0,{"big":-9007199254740993}],"__proto__x":-0.0}'

suite('a document that Node reads and writes', () => {
  test('a document that was not changed is written exactly as it was', () => assert.equal(through(ODD), ODD))

  test('only what was changed is written differently, at any depth', () => {
    const changed = through(ODD, (values) => {
      values.list[1].more = 1
      values.a = 2
      values['3'] = 'new'
      delete values.b
    })
    assert.equal(
      changed,
      '{"10":1.0,"2":12345678901234567890,"a":2,"__proto__":{"x":1.50},"nan":NaN,"inf":-Infinity,"s":"\\u00e9\\ud83d","list":[1.0,{"big":-9007199254740993,"more":1}],"__proto__x":-0.0,"3":"new"}',
    )
  })

  test('a value that was changed back to the original keeps its original text', () =>
    assert.equal(
      through(ODD, (values) => {
        values['10'] = 1
        values['2'] = '12345678901234567890'
      }),
      ODD,
    ))

  test('a list that grew or shrank keeps the original text of the other items', () => {
    assert.equal(
      through('{"l":[1.0,2.0]}', (v) => v.l.push(3)),
      '{"l":[1.0,2.0,3]}',
    )
    assert.equal(
      through('{"l":[1.0,2.0]}', (v) => v.l.pop()),
      '{"l":[1.0]}',
    )
  })

  test('a value can be replaced by one of another kind', () => {
    for (const [from, to] of [
      ['{"x":[1.0]}', { x: { 0: 1 } }],
      ['{"x":{"a":1.0}}', { x: [1] }],
      ['{"x":1.0}', { x: null }],
      ['{"x":null}', { x: '' }],
      ['{"x":1.0}', { x: true }],
    ] as const)
      assert.equal(patchJson(readJson(from), to), JSON.stringify(to))
  })

  test('non-ASCII bytes of another writer are preserved', () => {
    const foreign = Buffer.from('{"k":"héllo","n":1.0}').toString('latin1')
    assert.equal(through(foreign), foreign)
    assert.equal(
      Buffer.from(
        through(foreign, (v) => {
          v.n = 2
        }),
        'latin1',
      ).toString(),
      '{"k":"héllo","n":2}',
    )
  })

  test('white space inside unchanged values is preserved', () =>
    assert.equal(
      through('{ "a" : [ 1 , 2 ] , "b" : 1 }', (v) => {
        v.b = 2
      }),
      '{"a":[ 1 , 2 ],"b":2}',
    ))

  test('any document can be changed to any other', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()), (was, is) => {
        const patched = patchJson(readJson(JSON.stringify(was)), JSON.parse(JSON.stringify(is)))
        assert.deepEqual(JSON.parse(patched), JSON.parse(JSON.stringify(is)))
      }),
    )
  })
})

suite('values as an application reads them', () => {
  test('an integer that a number cannot hold is a bigint, or its digits when only JSON is possible', () => {
    const node = readJson('{"a":9007199254740991,"b":9007199254740993,"c":-9007199254740993}')
    assert.deepEqual(toValue(node), { a: 9007199254740991, b: 9007199254740993n, c: -9007199254740993n })
    assert.deepEqual(toJsonValue(node), { a: 9007199254740991, b: '9007199254740993', c: '-9007199254740993' })
  })

  test('NaN and the infinities are strings when only JSON is possible, so that null can be stored in their place', () => {
    assert.deepEqual(toJsonValue(readJson('[NaN,Infinity,-Infinity,1e999]')), [
      'NaN',
      'Infinity',
      '-Infinity',
      'Infinity',
    ])
    const nulls = { a: null, b: [null, { c: null }] }
    const text = '{"a":NaN,"b":[Infinity,{"c":-Infinity}]}'
    assert.equal(through(text), text)
    assert.equal(
      through(text, (values) => Object.assign(values, nulls)),
      JSON.stringify(nulls),
    )
  })

  test('every escape of JSON is read', () =>
    assert.equal(toValue(readJson('"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9"')), '"\\/\b\f\n\r\té'))

  test('half a surrogate pair is preserved', () => {
    assert.equal(toValue(readJson('"\\ud83d\\ud83d\\udc0d"')), '\ud83d\ud83d\udc0d')
    assert.equal(writeJson('\ud83d\ud83d\udc0d'), '"\\ud83d\\ud83d\\udc0d"')
  })
})

suite('Python’s JSON', () => {
  test('values that only Python distinguishes can be expressed', () => {
    const value = new Map<unknown, unknown>([
      [2, float(1)],
      ['1', 1n],
      [true, 1e16],
      [null, 1e-5],
      [1.5, -0],
      [float(3), []],
    ])
    assert.equal(writeJson(value), '{"2":1.0,"1":1,"true":1e+16,"null":1e-05,"1.5":-0.0,"3.0":[]}')
    assert.equal(writeJson({ a: undefined, b: [12345678901234567890n] }), '{"b":[12345678901234567890]}')
  })

  test('values that JSON cannot express are refused', () => {
    for (const value of [
      undefined,
      () => 1,
      Symbol('x'),
      new Date(),
      new Map([[{}, 1]]),
      [undefined],
      new Uint8Array(1),
      new (class X {})(),
    ])
      assert.throws(() => writeJson(value), DataError)
    assert.throws(() => float('1' as never), TypeError)
  })

  suite('compared with a real Python', { skip: djangoNeed.skip }, () => {
    let django: Django
    before(async () => {
      django = await Django.start()
    })
    after(() => django.stop())

    test('any float is written like Python’s repr', async () => {
      const special = [
        0, -0, 1, 1e15, 1e16, 123456789012345680, 9999999999999998, 1e-4, 9.999e-5, 5e-324, 1.7976931348623157e308,
        1e21, 1e22, 0.1, -2.5e-7, 100, 1e5,
      ]
      const floats = [...special, ...fc.sample(fc.double({ noNaN: true }), 3000)]
      const hex = (value: number) => {
        const bytes = Buffer.alloc(8)
        bytes.writeDoubleBE(value)
        return bytes.toString('hex')
      }
      const theirs = await django.ask('floats', [floats.map(hex)])
      assert.deepEqual(floats.map(reprFloat), theirs)
    })

    test('Node writes a document like Python does', async () => {
      for (const text of [ODD, '{"a":1,"b":2,"a":3}', '[]', '"\\u007f\\u0000/"', '{"":{"":[[],{}]}}'])
        assert.equal(
          through(text).replace('1.50', '1.5').replace('{"a":1,"b":2,"a":3}', '{"a":3,"b":2}'),
          await django.ask('rewrite', [text]),
        )
    })

    test('Node and Python count the same digits of an integer, and not its sign', async () => {
      for (const sign of ['', '-'])
        for (const digits of [4300, 4301]) {
          const text = `[${sign}${'7'.repeat(digits)}]`
          const theirs = await django.ask('rewrite', [text]).catch(() => null)
          assert.equal(theirs, digits > 4300 ? null : text)
          if (theirs === null) assert.throws(() => readJson(text), BadPayloadError)
          else assert.equal(through(text), text)
        }
    })

    test('Node and Python refuse the same documents', async () => {
      const pieces = fc.constantFrom(
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '"',
        '"a"',
        '1',
        '-',
        '0',
        '1.0',
        'e5',
        'null',
        'tru',
        'true',
        'NaN',
        '-Infinity',
        ' ',
        '\n',
        '\t',
        '\\u00e9',
        '\\',
        '\u0001',
        '\u00a0',
      )
      const valid = fc.json().map((text) => [text])
      const texts = fc
        .sample(fc.oneof(fc.array(pieces, { minLength: 1, maxLength: 7 }), valid), 2500)
        .map((parts) => parts.join(''))
      for (const text of texts) {
        const theirs = await django.ask('rewrite', [text]).then(
          () => true,
          () => false,
        )
        const ours = (() => {
          try {
            readJson(text)
            return true
          } catch {
            return false
          }
        })()
        assert.equal(ours, theirs, JSON.stringify(text))
      }
    })
  })
})
