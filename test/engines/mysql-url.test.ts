import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { createPool } from 'mysql2'
import { djangoMysql } from '../../packages/django/src/stores/mysql.ts'
import { driverUrl } from '../../packages/strongroom/src/engines/mysql/driver-url.ts'
import { mysql } from '../../packages/strongroom/src/engines/mysql/mysql.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'

const SERVER = 'mysql://me:hunter2@localhost/x'
const MULTI_STATEMENTS = 0x10000

/** The capabilities that mysql2 would ask the server for. It parses the URL itself, and connects only when it is used. */
function clientFlags(url: string): number {
  const pool = createPool(url) as unknown as { config: { connectionConfig: { clientFlags: number } } }
  return pool.config.connectionConfig.clientFlags
}

const isRefusal = (error: unknown) => error instanceof ConfigError && !/hunter2|localhost/.test(error.message)
const options = { where: 'mysql()', timeout: 2000 }

suite('the URL of mysql2', () => {
  const encoded = encodeURIComponent
  for (const query of [
    'multipleStatements=true',
    'multipleStatements=1',
    'multipleStatements=false',
    'flags=MULTI_STATEMENTS',
    'flags=multi_statements',
    'flags=-FOUND_ROWS,multi_statements',
    'flags=FOUND_ROWS&flags=MULTI_STATEMENTS',
    `flags=${encoded('FOUND_ROWS , MULTI_STATEMENTS')}`,
    'flags=["MULTI_STATEMENTS"]',
    'flags=[["MULTI_STATEMENTS"]]',
    `flags=${encoded('["MULTI\\u005fSTATEMENTS"]')}`,
    `flags=${encoded('"MULTI\\u005fSTATEMENTS"')}`,
    'flags=multı_statements',
    'flags=MULTI_ſTATEMENTS',
    'flags=multi%5Fſtatements',
    `uri=${encoded(`${SERVER}?multipleStatements=true`)}`,
    '__proto__={"multipleStatements":true}',
    'constructor={"multipleStatements":true}',
    'prototype={"multipleStatements":true}',
    '%5f_proto__={"multipleStatements":true}',
    'charset={"multipleStatements":true}',
    'pool={}',
    'host=elsewhere',
    'conectionLimit=5',
  ])
    test(`mysql() and djangoMysql() refuse ${query}`, () => {
      assert.throws(() => mysql(`${SERVER}?${query}`), isRefusal)
      assert.throws(() => djangoMysql(`${SERVER}?${query}`).open({ clock: Date.now } as never), isRefusal)
    })

  for (const query of [
    'connectionLimit=20&ssl={"rejectUnauthorized":true}&compress=true&charset=utf8mb4',
    'ssl=Amazon%20RDS',
    'flags=-FOUND_ROWS',
    'flags=-found_rows,-MULTI_STATEMENTS,INTERACTIVE',
    'timezone=Z&dateStrings=true&connectAttributes={"program_name":"shop"}',
    'socketPath=/run/mysqld/mysqld.sock',
  ])
    test(`mysql() accepts ${query}`, async () => {
      await mysql(`${SERVER}?${query}`).close()
      assert.equal(clientFlags(driverUrl(`${SERVER}?${query}`, options)) & MULTI_STATEMENTS, 0)
    })

  test('batchWrites asks for several statements, and nothing else does', () => {
    assert.equal(clientFlags(driverUrl(SERVER, options)) & MULTI_STATEMENTS, 0)
    assert.notEqual(clientFlags(driverUrl(SERVER, { ...options, batchWrites: true })) & MULTI_STATEMENTS, 0)
  })

  test('whatever a URL contains, mysql2 asks for several statements only when the URL is refused', () => {
    const word = fc.constantFrom(
      'multi',
      'MULTI',
      'multı',
      'statements',
      'ſtatements',
      '_',
      '\\u005f',
      '-',
      ',',
      ' ',
      '"',
      '[',
      ']',
    )
    const flags = fc.array(word, { maxLength: 8 }).map((words) => words.join(''))
    const near = fc.constantFrom(
      'MULTI_STATEMENTS',
      '["MULTI_STATEMENTS"]',
      '["MULTI\\u005fSTATEMENTS"]',
      'multı_ſtatements',
    )
    const name = fc.constantFrom('flags', 'flags', 'uri', '__proto__', 'multipleStatements', 'ssl', 'connectAttributes')
    const value = fc.oneof(flags, near, fc.constant('{"multipleStatements":true}'), fc.json())
    let accepted = 0
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 3 }), (pairs) => {
        let url: string
        try {
          url = driverUrl(`${SERVER}?${new URLSearchParams(pairs)}`, options)
        } catch (error) {
          assert.ok(isRefusal(error), String(error))
          return
        }
        accepted++
        try {
          assert.equal(clientFlags(url) & MULTI_STATEMENTS, 0, url)
        } catch (error) {
          // mysql2 itself refuses a profile of TLS that it does not have.
          if (!(error instanceof TypeError)) throw error
        }
      }),
      { numRuns: 1000 },
    )
    assert.ok(accepted > 20, `${accepted}`)
  })
})
