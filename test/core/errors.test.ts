import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as errors from '../../packages/strongroom/src/errors.ts'

const CLASSES = Object.entries(errors).flatMap(([name, value]) =>
  Object.getPrototypeOf(value) === errors.StrongroomError
    ? [{ name, ErrorClass: value as typeof errors.ConfigError }]
    : [],
)

describe('the name of an error', () => {
  it('is stated for every class', () => assert.ok(CLASSES.length >= 15, `${CLASSES.length} classes`))

  for (const { name, ErrorClass } of CLASSES)
    it(`is that of ${name} for what extends it, too, which a minified bundle calls something else`, () => {
      class A extends ErrorClass {}
      assert.equal(Object.create(A.prototype).name, name)
      assert.equal(Object.create(ErrorClass.prototype).name, name)
    })
})
