import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import type { Command } from 'commander'
import { createProgram } from '../../packages/cli/src/program.ts'
import { root } from '../../scripts/packages.ts'
import { placesOfPages } from '../../site/pages.ts'
import { type Block, readPage } from '../support/docs/page.ts'

const strongroom = await createProgram()

const blocks = [...placesOfPages().keys()].flatMap((file) => readPage(file).blocks)
const linesOf = (text: string) => text.split('\n').map((line) => line.trim())
const at = ({ page, line }: Block) => `${page}:${line}`

/** test/docs.test.ts runs these, or compiles those that say `fragment`. */
const RUN_ALL = new Set(['ts', 'js'])

/** Languages that only a framework's own build, or another program, can read: the test that runs what the page shows. */
const RUN_BY: Readonly<Record<string, string>> = {
  'docs/astro.md': 'test/frameworks/astro/example.test.ts',
  'docs/django.md': 'test/django/guide.test.ts',
  'docs/nest.md': 'test/frameworks/nest/guide.test.ts',
  'docs/next.md': 'test/frameworks/next-example.test.ts',
  'docs/react-router.md': 'test/frameworks/react-router/guide.test.ts',
  'docs/runtimes.md': 'test/bundlers/size.test.ts',
  'docs/step-up.md': 'test/django/step-up.test.ts',
  'docs/sveltekit.md': 'test/frameworks/sveltekit/example.test.ts',
  // Alerts, whose metrics it compares with those that are made.
  'docs/telemetry.md': 'test/opentelemetry/recipes.test.ts',
  'docs/tanstack-start.md': 'test/frameworks/tanstack-start/guide.test.ts',
}

/** What a page shows in part: every line is one of a file that test/frameworks builds and runs. */
const PART_OF: Readonly<Record<string, string>> = { 'docs/nuxt.md': 'examples/nuxt/app/pages/index.vue' }

/** Not run, and why: what a program prints or a protocol sends, and SQL that the migrations would run. */
const SHOWN = new Set(['text', 'http', 'sql', ''])

suite('every sample is run', () => {
  test('in TypeScript and JavaScript by test/docs.test.ts, unless it says that it is a fragment or a test', () => {
    const wrong = blocks.filter(
      ({ language, info }) => RUN_ALL.has(language) && !['', 'fragment', 'test'].includes(info),
    )
    assert.deepEqual(wrong.map(at), [])
  })

  test('in another language by a test that reads its page', () => {
    const others = blocks.filter(({ language }) => ![...RUN_ALL, ...SHOWN, 'sh'].includes(language))
    for (const block of others.filter(({ file }) => file === null)) {
      const whole = PART_OF[block.page]
      if (whole !== undefined) {
        const lines = linesOf(readFileSync(join(root, whole), 'utf8'))
        for (const line of linesOf(block.code)) assert.ok(lines.includes(line), `${whole} has no line "${line}"`)
        continue
      }
      const runner = RUN_BY[block.page]
      assert.ok(runner, `${at(block)} is in ${block.language}, and no test runs it`)
      assert.ok(readFileSync(join(root, runner), 'utf8').includes(block.page.replace('docs/', '')), runner)
    }
    for (const page of Object.keys(RUN_BY))
      assert.ok(
        others.some((block) => block.page === page),
        page,
      )
  })

  suite('in a shell, as far as it can be without a network', () => {
    for (const block of blocks.filter(({ language }) => language === 'sh'))
      test(at(block), () => {
        for (const line of commandsOf(block.code)) assert.equal(problemOf(line), null, line)
      })
    for (const [line, problem] of [
      ['npx @strongroom/cli keys new', null],
      ['npx @strongroom/cli keys newer', 'the command "keys newer" does not exist'],
      ['npx @strongroom/cli stats --stoer sqlite:./a.db', 'the option --stoer does not exist'],
      ['npm run nothing', 'there is no npm script "nothing"'],
      [
        'curl -X POST https://shop.example',
        'nobody knows the program "curl": add it to KNOWN, and say why it is not run',
      ],
    ] as const)
      test(`says of ${line}: ${problem ?? 'nothing'}`, () => assert.equal(problemOf(line), problem))
  })
})

/** Programs of the reader's machine, which the tests do not run, or run elsewhere. */
const KNOWN = new Set([
  // The reader's own folder and files.
  ...['cd', 'mkdir', 'echo', 'grep', 'gzip', 'strings'],
  // The application that the page has shown, which test/docs.test.ts has run.
  ...['node', 'bun'],
  // test/django runs the commands of Django, and test/cli those of the databases.
  ...['django-admin', 'python3', 'pg_dump'],
])

/** A command for each line, without comments, and with the lines joined that a backslash continues. */
const commandsOf = (code: string): string[] =>
  code
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .map((line) => line.replace(/(?:^|\s)#.*$/, '').trim())
    .filter((line) => line !== '')

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }

/** What is wrong with a line of a shell, or null. Every program in it is looked at. */
function problemOf(line: string): string | null {
  // After a variable, a pipe, a `&&` or the beginning of a substitution comes a program.
  const calls = line
    // The times of a crontab.
    .replace(/^(?:[\d*/,-]+ ){5}/, '')
    .replace(/'[^']*'/g, "''")
    .split(/\$\(|&&|\||;/)
    .map((part) => part.replace(/^\s*(?:[A-Z_]+=(?:"[^"]*"|\S*)\s+)*/, '').trim())
  for (const call of calls) {
    const [program = '', ...words] = call.replace(/[)"].*$/, '').split(/\s+/)
    if (program === '' || /^[A-Z_]+=/.test(program)) continue
    const problem = problemOfCall(program, words)
    if (problem !== null) return problem
  }
  return null
}

function problemOfCall(program: string, words: readonly string[]): string | null {
  if (program === 'npx' && words[0] === '@strongroom/cli') return problemOfCommand(words.slice(1))
  if (program === 'npm') {
    if (words[0] === 'run')
      return words[1] !== undefined && words[1] in scripts ? null : `there is no npm script "${words[1]}"`
    return ['install', 'init', 'start', 'test'].includes(words[0] ?? '') ? null : `npm ${words[0]} is unknown`
  }
  return KNOWN.has(program) ? null : `nobody knows the program "${program}": add it to KNOWN, and say why it is not run`
}

/** Is there such a command of `strongroom`, and has it these options? */
function problemOfCommand(words: readonly string[]): string | null {
  let command: Command = strongroom
  const path: string[] = []
  for (const word of words) {
    if (word.startsWith('-') || command.commands.length === 0) break
    path.push(word)
    const next = command.commands.find((each) => each.name() === word)
    if (!next) return `the command "${path.join(' ')}" does not exist`
    command = next
  }
  const known = ['--help', '--debug', ...command.options.flatMap(({ short, long }) => [short, long])]
  const own = words.includes('--') ? words.slice(0, words.indexOf('--')) : words
  const unknown = own
    .map((word) => word.replace(/=.*$/, ''))
    .find((word) => /^--?[a-z]/.test(word) && !known.includes(word))
  return unknown === undefined ? null : `the option ${unknown} does not exist`
}
