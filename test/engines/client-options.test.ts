import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { djangoCache } from '../../packages/django/src/stores/cache.ts'
import { djangoMysql } from '../../packages/django/src/stores/mysql.ts'
import { djangoPostgres } from '../../packages/django/src/stores/postgres.ts'
import { djangoRedis } from '../../packages/django/src/stores/redis.ts'
import { djangoSqlite } from '../../packages/django/src/stores/sqlite.ts'
import { mysql } from '../../packages/strongroom/src/engines/mysql/mysql.ts'
import { postgres } from '../../packages/strongroom/src/engines/postgres/postgres.ts'
import { redis } from '../../packages/strongroom/src/engines/redis/redis.ts'
import { sqlite } from '../../packages/strongroom/src/engines/sqlite/sqlite.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'

const MARK = 'hunter2'
const OPTIONS = ['client', 'database']
const NOTHING_TO_OPEN = [`postgres://u:${MARK}@h/d`, 7, 0, true, false, null, Symbol(MARK), () => {}, {}, []]

suite('what is no client is refused when the store is made, by an error of ours that does not repeat it', () => {
  for (const make of [
    postgres,
    mysql,
    redis,
    sqlite,
    djangoPostgres,
    djangoMysql,
    djangoRedis,
    djangoCache,
    djangoSqlite,
  ])
    test(`${make.name}()`, () => {
      const refuses = (given: unknown) =>
        assert.throws(
          () => (make as (given: unknown) => unknown)(given),
          (error: Error) => {
            assert.ok(error instanceof ConfigError, `${error.stack}`)
            assert.doesNotMatch(error.message, new RegExp(MARK))
            return true
          },
          String(given),
        )
      for (const value of NOTHING_TO_OPEN) {
        for (const option of OPTIONS) refuses({ [option]: value })
        if (typeof value !== 'string') refuses(value)
      }
      refuses(undefined)
    })
})
