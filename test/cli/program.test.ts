import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import type { Command } from 'commander'
import { createProgram } from '../../packages/cli/src/program.ts'
import { packageNamed, root } from '../../scripts/packages.ts'
import { Project, SECRET } from './project.ts'

const program = await createProgram()
/** Every command with the words that call it, such as "keys list". */
const commands = program.commands.flatMap((command): [string, Command][] =>
  command.commands.length > 0
    ? command.commands.map((below): [string, Command] => [`${command.name()} ${below.name()}`, below])
    : [[command.name(), command]],
)
const project = new Project()
after(() => project.remove())

suite('help', () => {
  test('the help of the program lists every command and every exit code', async () => {
    const { code, out, err } = await project.run(['--help'])
    assert.deepEqual([code, err], [0, ''])
    for (const command of program.commands) assert.match(out, new RegExp(`^ {2}${command.name()}\\b`, 'm'))
    for (const exit of [0, 1, 2, 3, 4, 5, 130]) assert.match(out, new RegExp(`^ {2}${exit} +\\w`, 'm'))
  })

  test('the help, docs/cli.md and the README of the package give every exit code the same meaning', async () => {
    const { out } = await project.run(['--help'])
    const [, help = ''] = /^Exit codes:\n(.*?)\n\n/ms.exec(out) ?? []
    const shown = [...help.replace(/\n {7}/g, ' ').matchAll(/^ {2}(\d+) +(.*)$/gm)].map(([, code, text]) => [
      code,
      text,
    ])
    assert.deepEqual(
      shown.map(([code]) => code),
      ['0', '1', '2', '3', '4', '5', '130'],
    )
    for (const path of ['docs/cli.md', 'packages/cli/README.md']) {
      const rows = readFileSync(join(root, path), 'utf8').matchAll(/^\| (\d+) \| (.*) \|$/gm)
      assert.deepEqual(
        [...rows].map(([, code, text = '']) => [code, text.replaceAll('`', '')]),
        shown,
        path,
      )
    }
  })

  for (const [name] of commands)
    test(`the help of ${name} says what it does and ends with an example`, async () => {
      const { code, out, err } = await project.run([...name.split(' '), '--help'])
      assert.deepEqual([code, err], [0, ''])
      assert.match(out, new RegExp(`^Usage: strongroom ${name}\\b`))
      assert.match(out, /^Examples?:\n {2}\$ .*strongroom/m)
      for (const text of out.split('\n')) assert.ok(text.length <= 80, text)
    })

  test('a command is found under its own name, and nothing is loaded for the others', async () => {
    for (const name of program.commands.map((command) => command.name()))
      for (const before of [[], ['--debug']]) {
        const { commands } = await createProgram([...before, name, '--help'])
        assert.deepEqual(
          commands.map((command) => command.name()),
          [name],
        )
      }
    for (const args of [[], ['--help'], ['--help', 'list'], ['help', 'list'], ['lst'], ['--store', 'list']])
      assert.equal((await createProgram(args)).commands.length, program.commands.length)
  })

  test('help is printed as an error when no command is given', async () => {
    for (const args of [[], ['keys']]) {
      const { code, out, err } = await project.run(args)
      assert.deepEqual([code, out], [2, ''])
      assert.match(err, /^Usage: strongroom/)
    }
  })

  test('docs/cli.md has the same commands, options and exit codes', () => {
    const page = readFileSync(join(root, 'docs', 'cli.md'), 'utf8')
    for (const [name, command] of commands) {
      assert.ok(page.includes(`\`strongroom ${name}`), `docs/cli.md does not describe ${name}`)
      for (const option of command.options) assert.ok(page.includes(String(option.long)), `${name} ${option.long}`)
    }
    for (const option of program.options) assert.ok(page.includes(String(option.long)), String(option.long))
    for (const exit of [0, 1, 2, 3, 4, 5, 130]) assert.match(page, new RegExp(`^\\| ${exit} +\\|`, 'm'))
  })
})

test('--version prints the version of the package', async () => {
  const { version } = packageNamed('@strongroom/cli').manifest
  const { code, out } = await project.run(['--version'])
  assert.deepEqual([code, out], [0, `${version}\n`])
})

suite('incorrect use ends with one line and exit code 2', () => {
  for (const [args, message] of [
    [['clear'], /unknown command 'clear'/],
    [['stat'], /unknown command 'stat' \(Did you mean stats\?\)/],
    [['keys', 'old'], /unknown command 'old'/],
    [['stats', '--jsn'], /unknown option '--jsn' \(Did you mean --json\?\)/],
    [['clear-expired', '--batch'], /option '--batch <n>' argument missing/],
    [['clear-expired', '--batch', '0'], /'--batch <n>' argument '0' is invalid\. It must be a whole number above 0\./],
    [['clear-expired', '--batch', '1e3'], /'1e3' is invalid/],
    [['clear-expired', '--batch=-5'], /'-5' is invalid/],
    [['list', '--usr', 'ada'], /unknown option '--usr' \(Did you mean --user\?\)/],
    [['revoke-all', '--usr', 'ada'], /unknown option '--usr' \(Did you mean --user\?\)/],
    [['move', '--form', 'file:./a', '--to', 'file:./b'], /unknown option '--form' \(Did you mean --from\?\)/],
    [['list'], /required option '--user <id>' not specified/],
    [['revoke-all', '--yes'], /required option '--user <id>' not specified/],
    [['list', '--user', ''], /'--user <id>' argument '' is invalid\. A user id cannot be empty\./],
    [['show'], /missing required argument 'handle'/],
    [['show', 'abcdefghijklmnop', 'abcdefghijklmnop'], /too many arguments for 'show'/],
    [['init', '--js', '--ts'], /'--js' cannot be used with option '--ts'/],
  ] as const)
    test(args.join(' '), async () => {
      const { code, out, err } = await project.run(args, { env: { STRONGROOM_SECRETS: SECRET } })
      assert.deepEqual([code, out], [2, ''], err)
      assert.match(err, /^strongroom: [^\n]+\n$/)
      assert.match(err, message)
    })

  test('a secret or an id in the wrong place is not printed', async () => {
    for (const args of [[SECRET], ['stats', `--${SECRET}`], ['keys', 'new', SECRET], ['keys', 'f0'.repeat(32)]])
      assert.equal((await project.run(args)).code, 2)
  })
})
