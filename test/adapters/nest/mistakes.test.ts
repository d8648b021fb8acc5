import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as nest from '../../../packages/strongroom/src/adapters/nest.ts'
import { slowSessions } from '../site.ts'

// biome-ignore lint/suspicious/noExplicitAny: what a user of JavaScript may write
const { StrongroomModule, CurrentSession, SignedIn } = nest as Record<string, any>
const { sessions } = slowSessions()

suite('a mistake in the use of strongroom/nest is refused when the application is loaded', () => {
  const mistakes: readonly (readonly [mistake: string, make: () => unknown, message: RegExp])[] = [
    [
      'forRoot: nothing',
      () => StrongroomModule.forRoot(),
      /^StrongroomModule\.forRoot\(\) takes its options as an obj/,
    ],
    [
      'forRoot: the sessions themselves',
      () => StrongroomModule.forRoot(sessions),
      /^Unknown option "get" for StrongroomModule\.forRoot\(\)\. Write StrongroomModule\.forRoot\(\{ sessions \}\)\./,
    ],
    ['forRoot: a promise', () => StrongroomModule.forRoot(Promise.resolve({ sessions })), /a promise: await it/],
    ['forRoot: no sessions', () => StrongroomModule.forRoot({}), /It got undefined: is the variable set, and exported/],
    [
      'forRoot: no sessions yet',
      () => StrongroomModule.forRoot({ sessions: Promise.resolve() }),
      /a promise: await it/,
    ],
    ['forRoot: a slip', () => StrongroomModule.forRoot({ sessions, crsf: true }), /Did you mean "csrf"/],
    [
      'forRoot: csrf',
      () => StrongroomModule.forRoot({ sessions, csrf: { cookie: 'a' } }),
      /^Unknown option "cookie" for/,
    ],
    ...['yes', '', null].map(
      (csrf) =>
        [
          `forRoot: csrf that is ${JSON.stringify(csrf)}`,
          () => StrongroomModule.forRoot({ sessions, csrf }),
          /^csrf\(\) takes its options as an object/,
        ] as const,
    ),
    [
      'forRoot: closeOnShutdown',
      () => StrongroomModule.forRoot({ sessions, closeOnShutdown: 'yes' }),
      /^Option "closeOnShutdown" of StrongroomModule\.forRoot\(\) must be one of: true, false/,
    ],
    [
      'forRootAsync: nothing',
      () => StrongroomModule.forRootAsync(),
      /^StrongroomModule\.forRootAsync\(\) takes its opt/,
    ],
    [
      'forRootAsync: the options of forRoot',
      () => StrongroomModule.forRootAsync({ sessions }),
      /^Unknown option "sessions" for StrongroomModule\.forRootAsync\(\)\..* Known: imports, inject, useFactory/,
    ],
    [
      'forRootAsync: no factory',
      () => StrongroomModule.forRootAsync({ inject: [] }),
      /^Option "useFactory" of StrongroomModule\.forRootAsync\(\) must be a function that returns \{ sessions \}/,
    ],
    ['@CurrentSession: a slip', () => CurrentSession({ frsh: true }), /for @CurrentSession\(\)\. Did you mean "fresh"/],
    ['@CurrentSession: a key', () => CurrentSession('basket'), /^@CurrentSession\(\) takes its options as an object/],
    ['SignedIn: a slip', () => new SignedIn({ frsh: true }), /for new SignedIn\(\)\. Did you mean "fresh"/],
    ['SignedIn: a word', () => new SignedIn({ fresh: 'yes' }), /^Option "fresh" of new SignedIn\(\) must be one of/],
  ]
  for (const [mistake, make, message] of mistakes)
    test(mistake, () => {
      assert.throws(make, { name: 'ConfigError', message })
    })
})
