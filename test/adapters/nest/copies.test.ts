import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { StrongroomModule } from '../../../packages/strongroom/src/adapters/nest.ts'
import { slowSessions } from '../site.ts'
import { nest11 } from './version.ts'

/** Here, strongroom/nest has Nest 12. */
suite('an application on another copy of Nest than the one that strongroom/nest finds', () => {
  test('is refused at its start, and told what to do', async () => {
    const require = createRequire(join(nest11(), 'main.js'))
    const { Module } = require('@nestjs/common')
    const { NestFactory } = require('@nestjs/core')
    class Root {}
    Module({ imports: [StrongroomModule.forRoot({ sessions: slowSessions().sessions })] })(Root)
    await assert.rejects(NestFactory.create(Root, { logger: false, abortOnError: false }), {
      name: 'ConfigError',
      message: /another copy of @nestjs\/core than the one that the application runs on\. Install one: `npm ls/,
    })
  })
})
