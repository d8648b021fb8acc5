import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename, join, posix } from 'node:path'
import { after, suite, test } from 'node:test'
import { entryPoints, packages, root } from '../scripts/packages.ts'
import { citations, titlesOf } from './support/docs/citations.ts'
import { exportsOf, membersOf } from './support/docs/names.ts'
import { type Block, readPage, toProgram } from './support/docs/page.ts'
import { newProject } from './support/docs/project.ts'
import { Runner, runTests } from './support/docs/run.ts'

const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'],
  ...globSync(['docs/*.md', 'packages/*/README.md'], { cwd: root }),
]
  .map((path) => path.replaceAll('\\', '/'))
  .sort()
  .map(readPage)
/** Not those that are built or compiled: test/frameworks and test/databases run them. */
const examples = globSync('examples/**/*.ts', {
  cwd: root,
  exclude: ['examples/nest/**', 'examples/next/**', 'examples/nuxt/**', 'examples/databases/prisma/**'],
}).sort()
const read = (file: string) => readFileSync(join(root, file), 'utf8')
/** Is the name in a code span, as in `clearExpired(options?)`? */
const mentions = (text: string, name: string) => {
  const spans = [...text.replace(/^```[\s\S]*?^```/gm, '').matchAll(/`([^`\n]+)`/g)]
  return spans.some(([, code = '']) => new RegExp(`(?<![\\w-])${name}(?![\\w-])`).test(code))
}

suite('what the documentation shows is true', () => {
  const project = newProject()
  after(() => project.remove())

  const blocks = pages.flatMap((page) => page.blocks).filter(({ language }) => ['ts', 'js'].includes(language))
  const shown = blocks.filter(({ file }) => file === null)
  // JavaScript is run as it is: what it leaves out, a compiler would ask for.
  const nameOf = ({ page, line, language }: Block) =>
    `${page.replaceAll('/', '-')}.${line}.${language === 'js' ? 'mjs' : 'ts'}`
  for (const block of shown) project.put(nameOf(block), toProgram(block))
  for (const file of examples) project.put(file, read(file))

  test('every example compiles in a project of a user', () => assert.deepEqual(project.compile(), []))

  for (const block of blocks.filter(({ file }) => file !== null))
    test(`${block.page}:${block.line} shows ${block.file} as it is`, () =>
      assert.equal(`${block.code}\n`, read(block.file as string)))

  suite('every example runs and does what it says', { concurrency: 2 }, () => {
    for (const { path } of pages) {
      const running = shown.filter(({ page, info }) => page === path && info !== 'fragment')
      if (running.length === 0) continue
      suite(path, { concurrency: 1 }, () => {
        const runner = new Runner()
        after(() => runner.end())
        for (const block of running)
          test(`line ${block.line}`, () => {
            const file = join(project.folder, nameOf(block))
            return block.info === 'test' ? runTests(file) : runner.run(file, block.conversation)
          })
      })
    }
    // Those in folders are built, or need other files: each has a test of its own.
    for (const file of examples.filter((file) => /^examples.[^/\\]+$/.test(file)))
      test(file, async () => {
        const runner = new Runner()
        await runner.run(join(project.folder, file), /\/\* try\n([\s\S]*?)\*\//.exec(read(file))?.[1] ?? null)
        runner.end()
      })
    test('the engine in examples/engine is a store, in about 100 lines', async () => {
      assert.ok(read('examples/engine/document-store.ts').split('\n').length <= 106)
      await runTests(join(project.folder, 'examples/engine/document-store.test.ts'))
    })
  })
})

/** The page of a framework is where a reader begins: what it shows first is copied, and has to run. */
const ADAPTERS = globSync('packages/strongroom/src/adapters/*.ts', { cwd: root }).map((file) => basename(file, '.ts'))
suite('the first example of a framework hides nothing', () => {
  for (const adapter of ADAPTERS)
    test(`docs/${adapter}.md`, () => {
      const first = pages.find(({ path }) => path === `docs/${adapter}.md`)?.blocks[0]
      assert.equal(first?.before, '')
    })
})

suite('what the documentation refers to is there', () => {
  for (const { path, links } of pages)
    test(`${path}: files and headings`, () => {
      const problems = links.flatMap(({ line, target }) => {
        if (/^https?:/.test(target)) return []
        const [file = '', anchor] = target.split('#')
        const to = file === '' ? path : posix.join(posix.dirname(path), file)
        if (!existsSync(join(root, to))) return [`${path}:${line} leads to ${to}, which does not exist`]
        const there = anchor === undefined || (to.endsWith('.md') && readPage(to).anchors.has(anchor))
        return there ? [] : [`${path}:${line} leads to ${to}#${anchor}, and there is no such heading`]
      })
      assert.deepEqual(problems, [])
    })

  for (const { path, text } of pages)
    test(`${path}: tests, by their titles`, () => {
      const problems = citations(text).flatMap(({ file, title }) =>
        titlesOf(file).has(title) ? [] : [`${file} has no test "${title}"`],
      )
      assert.deepEqual(problems, [])
    })

  test('npm scripts, which an installed package does not have: the page says that they are in the repository', () => {
    const { scripts } = JSON.parse(read('package.json'))
    for (const { path, text } of pages)
      for (const [, name = ''] of text.matchAll(/\bnpm run ([a-z:]+)/g))
        assert.ok(name in scripts, `${path}: npm run ${name}`)
    for (const { path, text } of pages.filter(({ path }) => path.startsWith('docs/')))
      if (/\bnpm (?:start|test|run)\b/.test(text)) assert.match(text, /\bin (?:the|a clone of the) repository/i, path)
  })
})

suite('what there is, is documented', () => {
  /** `strongroom` has docs/api.md, `strongroom/redis` docs/redis.md, and `@strongroom/django` docs/django.md. */
  const pageOf = (specifier: string) => PAGES[specifier] ?? `docs/${specifier.split('/')[1]}.md`
  const PAGES: Readonly<Record<string, string>> = {
    strongroom: 'docs/api.md',
    // The `createSessions` of a Worker whose sessions are in a store.
    'strongroom/stores': 'docs/runtimes.md',
    // Not docs/cli.md, which is about the command.
    '@strongroom/cli/advise': 'docs/advisor.md',
    // With the other direction: sessions of ours in a store of express-session.
    'strongroom/connect-store': 'docs/connect-stores.md',
    '@strongroom/cli/lab': 'docs/lab.md',
  }
  // `internal` is for our own packages, and promises nothing.
  const specifiers = packages.flatMap((each) => [...entryPoints(each)]).filter(([name]) => !name.endsWith('/internal'))

  for (const [specifier, file] of specifiers)
    test(`${specifier}: a page that names all its exports`, () => {
      const text = read(pageOf(specifier))
      const names = exportsOf(file)
      assert.ok(names.length > 0)
      assert.deepEqual(
        names.filter((name) => !mentions(text, name)),
        [],
      )
    })

  // An engine's options are declared in the file that is its entry point; so are `FetchOptions` and the like.
  const optionsOf = (file: string) => [...read(file).matchAll(/^(?:export )?interface (\w+Options)\b/gm)]
  const ofEntryPoints = specifiers.flatMap(([specifier, file]) =>
    optionsOf(file).map(([, type = '']) => [pageOf(specifier), file, type] as const),
  )

  for (const [page, file, type] of [
    ...ofEntryPoints,
    ['docs/options.md', 'packages/strongroom/src/options.ts', 'SessionsOptions'],
    ['docs/options.md', 'packages/strongroom/src/http/cookie.ts', 'CookieSettings'],
    ['docs/connect-stores.md', 'packages/strongroom/src/express-session/connect-store.ts', 'ConnectStoreMethods'],
    ['docs/login.md', 'packages/strongroom/src/session/login.ts', 'LoginOptions'],
    ['docs/lifetimes.md', 'packages/strongroom/src/session/lifetime.ts', 'Expiry'],
    ['docs/sessions.md', 'packages/strongroom/src/assemble.ts', 'BaseSessions'],
    ['docs/sessions.md', 'packages/strongroom/src/assemble.ts', 'PolicyFacts'],
    ['docs/session.md', 'packages/strongroom/src/session/session.ts', 'Session'],
    ['docs/login.md', 'packages/strongroom/src/admin/users.ts', 'Device'],
    ['docs/login.md', 'packages/strongroom/src/admin/users.ts', 'UserSessions'],
    ['docs/sessions.md', 'packages/strongroom/src/admin/inspect.ts', 'StoreStats'],
    ['docs/sessions.md', 'packages/strongroom/src/store.ts', 'ClearOptions'],
    ['docs/store-contract.md', 'packages/strongroom/src/store.ts', 'Store'],
    ['docs/store-contract.md', 'packages/strongroom/src/store.ts', 'Entry'],
    ['docs/store-contract.md', 'packages/strongroom/src/store.ts', 'Traits'],
    ['docs/moving.md', 'packages/strongroom/src/engines/moving/mover.ts', 'MoveOptions'],
    ['docs/moving.md', 'packages/strongroom/src/engines/moving/mover.ts', 'MoveReport'],
    ['docs/django.md', 'packages/django/src/sessions.ts', 'DjangoSessionsOptions'],
    ['docs/django.md', 'packages/django/src/source.ts', 'DjangoSourceOptions'],
    ['docs/adoption.md', 'packages/strongroom/src/adoption/source.ts', 'AdoptionSource'],
    ['docs/adoption.md', 'packages/strongroom/src/adoption/source.ts', 'SourceSession'],
    ['docs/adoption.md', 'packages/strongroom/src/adoption/adopt.ts', 'AdoptOptions'],
    ['docs/adoption.md', 'packages/strongroom/src/adoption/adopt.ts', 'AdoptReport'],
    ['docs/signed-cookies.md', 'packages/strongroom/src/http/signed-cookies.ts', 'GetSignedCookieOptions'],
    ['docs/signed-cookies.md', 'packages/strongroom/src/http/signed-cookies.ts', 'SetSignedCookieOptions'],
    ['docs/sessions.md', 'packages/strongroom/src/request/get-options.ts', 'GetOptions'],
    ['docs/sessions.md', 'packages/strongroom/src/http/outcome.ts', 'Outcome'],
    ['docs/django.md', 'packages/django/src/signer.ts', 'SignerOptions'],
    ['docs/django.md', 'packages/django/src/stores/sqlite.ts', 'DjangoSqliteOptions'],
    ['docs/django.md', 'packages/django/src/stores/postgres.ts', 'DjangoPostgresOptions'],
    ['docs/django.md', 'packages/django/src/stores/mysql.ts', 'DjangoMysqlOptions'],
    ['docs/django.md', 'packages/django/src/stores/files.ts', 'DjangoFilesOptions'],
    ['docs/django.md', 'packages/django/src/stores/redis.ts', 'DjangoRedisOptions'],
    ['docs/testing.md', 'packages/strongroom/src/testing/session-for.ts', 'SessionForOptions'],
    ['docs/testing.md', 'packages/strongroom/src/testing/store/property.ts', 'StoreUnderTest'],
    ['docs/testing.md', 'packages/strongroom/src/testing/store/property.ts', 'StoreSuiteOptions'],
  ] as const)
    test(`${page}: everything in ${type}`, () => {
      const text = read(page)
      const names = membersOf(file, type)
      assert.ok(names.length > 0)
      assert.deepEqual(
        names.filter((name) => !mentions(text, name)),
        [],
      )
    })

  const values = (file: string, pattern: RegExp) => [...read(file).matchAll(pattern)].map(([, value = '']) => value)

  test('every option has a row in the table of docs/options.md, and a section', () => {
    const { text, anchors } = readPage('docs/options.md')
    for (const name of membersOf('packages/strongroom/src/options.ts', 'SessionsOptions')) {
      assert.ok(text.includes(`| [\`${name}\`](#${name.toLowerCase()}) |`), name)
      assert.ok(anchors.has(name.toLowerCase()), name)
    }
  })

  test('every error, with its code and its status', () => {
    const text = read('docs/errors.md')
    const classes = read('packages/strongroom/src/errors.ts')
      .split(/^export (?=class)/m)
      .slice(1)
    for (const source of classes) {
      const name = /^class (\w+)/.exec(source)?.[1]
      const code = /code = '(\w+)'/.exec(source)?.[1]
      const status = /status = (\d+)/.exec(source)?.[1] ?? '500'
      assert.ok(text.includes(`| \`${name}\` | \`${code}\` | ${status} |`), `${name}, ${code}, ${status}`)
    }
    assert.ok(classes.length >= 11)
  })

  test('every event, with every reason to revoke', () => {
    const text = read('docs/events.md')
    const types = values('packages/strongroom/src/events.ts', /readonly type: '(\w+)'/g)
    assert.deepEqual(
      types.filter((type) => !text.includes(`| \`${type}\` |`)),
      [],
    )
    const reasons = values('packages/strongroom/src/events.ts', /'([\w-]+)'(?= \||$)/gm)
    assert.deepEqual(
      reasons.filter((reason) => !mentions(text, reason)),
      [],
    )
  })

  test('every page has a place in docs/README.md, the index', () => {
    const index = readPage('docs/README.md').links.map(({ target }) => target)
    const names = pages.flatMap(({ path }) => /^docs\/(?!README)(.+)$/.exec(path)?.[1] ?? [])
    assert.deepEqual(
      names.filter((name) => !index.includes(name)),
      [],
    )
  })
})
