import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DriverMissingError, importFailure } from '../../packages/strongroom/src/base/load-driver.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'

/** What runtimes and bundles say of `import('mysql2/promise')` when mysql2 is not installed. */
const NOT_INSTALLED = {
  'Node, in an ES module': "Cannot find package 'mysql2' imported from /srv/app/server.js",
  'Node, in CommonJS': "Cannot find module 'mysql2/promise'\nRequire stack:\n- /srv/app/server.cjs",
  'the bundles of webpack and Turbopack': "Cannot find module 'mysql2/promise'",
  'Cloudflare Workers': 'No such module "mysql2/promise".',
  Yarn: "Your application tried to access mysql2, but it isn't declared in your dependencies; this makes the require call ambiguous and unsound.",
}

/** What is another fault, of a package that is installed. */
const BROKEN = {
  'a dependency that it lacks':
    "Cannot find package 'mysql2-helper' imported from /srv/app/node_modules/mysql2/promise.js",
  'a file that it lacks': "Cannot find module '/srv/app/node_modules/mysql2/lib/pool.js'",
  'something else': 'Unexpected token',
}

describe('a driver that cannot be imported', () => {
  for (const [where, message] of Object.entries(NOT_INSTALLED))
    it(`is not installed in the words of ${where}: the error says what to install`, () => {
      const cause = new Error(message)
      const error = importFailure('mysql()', 'mysql2', cause)
      assert.ok(error instanceof DriverMissingError && error instanceof ConfigError)
      assert.equal(error.name, 'ConfigError')
      assert.equal(error.message, 'mysql() needs the package mysql2: npm install mysql2')
      assert.equal(error.cause, cause)
    })

  for (const [what, message] of Object.entries(BROKEN))
    it(`is installed, and fails because of ${what}: that error is not hidden`, () => {
      const cause = new Error(message)
      assert.equal(importFailure('mysql()', 'mysql2', cause), cause)
    })
})
