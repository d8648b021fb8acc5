import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { root } from '../../scripts/packages.ts'
import { withoutCode, withoutComments } from '../../site/markdown.ts'
import { placesOfPages } from '../../site/pages.ts'

/**
 * Words that no page uses, and what to write instead. Words that are right elsewhere (find, keep, way, line, own, place, held) are not in
 * it: only a reader can tell.
 */
const WORDS: readonly (readonly [word: RegExp, instead: string])[] = [
  [/core|surroundings/, 'context'],
  [/carr(?:y|ies|ied) out/, 'load, commit, save; make, run'],
  [/carriage|carriers?/, 'cookie sessions'],
  [/claims?|tickets?/, 'VerifiedToken'],
  [/formerly|formers/, 'adopted, a source'],
  [/take over|takes over|took over/, 'adopt'],
  [/restamp/, 'credentialChanged'],
  [/lean/, 'batch'],
  [/ears?/, 'listener'],
  [/patience/, 'retry, backoff'],
  [/doubts?/, 'invalidation'],
  [/halt|interview/, 'signals, prompt'],
  [/worlds?/, 'environment'],
  [/whoever/, 'anyone who'],
  [/anew/, 'again'],
  [/dear/, 'expensive'],
  [/at once/, 'immediately, or in parallel'],
  [/belongs? into/, 'belongs in'],
  [/each (?:few|ten) (?:seconds|minutes)/, 'every'],
  // A server or a handler answers a request; a call returns.
  [/(?:method|function|call) answers/, 'returns'],
]

/** Where such a word means something else. */
const EXCEPTIONS: readonly (readonly [page: string, words: string])[] = [
  // Of an attacker who takes over a server, and of servers that take over from each other.
  ['docs/doctor.md', 'takes over'],
  ['docs/memcached.md', 'takes over'],
  ['docs/operations.md', 'takes over'],
]

/** Prose alone: no code, no targets of links, and no titles of tests, which are quoted. */
const proseOf = (text: string) =>
  withoutCode(withoutComments(text))
    .replace(/`[^`\n]*`/g, '`')
    .replace(/`: (?:"[^"]*"(?:, )?)+/g, '` ')
    .replace(/\]\([^)]*\)/g, ']')
    .replace(/"[^"\n]*"/g, '""')

function findings(page: string, text: string): string[] {
  const lines = proseOf(text)
  return WORDS.flatMap(([word, instead]) => {
    const pattern = new RegExp(`(?<![\\w-])(?:${word.source.replaceAll(' ', '\\s+')})(?![\\w-])`, 'gi')
    return [...lines.matchAll(pattern)]
      .map(([found]) => found.replace(/\s+/g, ' '))
      .filter((found) => !EXCEPTIONS.some(([where, what]) => where === page && what === found.toLowerCase()))
      .map((found) => `${page} has "${found}": write ${instead}`)
  })
}

suite('the words of the pages', () => {
  for (const page of placesOfPages().keys())
    test(`${page} has none of the words that this project does not use`, () =>
      assert.deepEqual(findings(page, readFileSync(join(root, page), 'utf8')), []))

  test('every exception is used', () => {
    for (const [page, words] of EXCEPTIONS)
      assert.match(readFileSync(join(root, page), 'utf8'), new RegExp(words.replaceAll(' ', '\\s+'), 'i'), page)
  })

  for (const [text, count] of [
    ['Whoever has it, may.', 1],
    ['It is sent at\nonce.', 1],
    ['This belongs\ninto a table, each few minutes.', 2],
    ['The call answers null.', 1],
    ['All works at-once, and `at once` is code.', 0],
    ['```ts\nconst core = 1\n```', 0],
    ['[read](core.md)', 0],
    ['<!-- try whoever -->', 0],
    ['"an end is noticed at once"', 0],
  ] as const)
    test(`finds ${count} in ${JSON.stringify(text)}`, () =>
      assert.equal(findings('docs/planted.md', text).length, count))
})
