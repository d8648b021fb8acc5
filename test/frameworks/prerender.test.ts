import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { suite, type TestContext, test } from 'node:test'
import { root } from '../../scripts/packages.ts'
import { ran } from '../bundlers/program.ts'
import { ASTRO } from './astro/built.ts'
import { VITE } from './sveltekit/built.ts'

const SECRETS = { STRONGROOM_SECRETS: 'Zk3x9QvT1mN7bR5cW8yL2pD6'.repeat(2) }

/** An example with more files, in a folder from which Node finds these sources and the frameworks. */
function example(t: TestContext, name: string, more: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-prerender-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  cpSync(join(root, 'examples', name), folder, { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction')
  for (const [file, text] of Object.entries(more)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  return folder
}

suite('a page that SvelteKit prerenders', { timeout: 120_000 }, () => {
  const page = (server: string) => ({
    'src/routes/about/+page.server.ts': `export const prerender = true\n${server}`,
    'src/routes/about/+page.svelte': '<p>About us</p>',
  })

  test('fails the build when it asks for a session, and the message says why', (t) => {
    const load = 'export const load = async ({ locals }) => ({ user: (await locals.session).userId })'
    const folder = example(t, 'sveltekit', page(load))
    assert.throws(
      () => ran(folder, [VITE, 'build'], SECRETS),
      /asked for while the application is being built[^\n]*Remove `export const prerender = true`/,
    )
  })

  test('is built when it asks for none, although the hook runs for it, and there are no secrets yet', (t) => {
    const folder = example(t, 'sveltekit', page(''))
    ran(folder, [VITE, 'build'])
    assert.match(readFileSync(join(folder, 'build', 'prerendered', 'about.html'), 'utf8'), /About us/)
  })
})

suite('a page that Astro prerenders', { timeout: 120_000 }, () => {
  const page = (server: string) => ({
    'src/pages/about.astro': `---\nexport const prerender = true\n${server}\n---\n<p>About us</p>`,
  })

  test('fails the build when it asks for a session, and the message says why', (t) => {
    const folder = example(t, 'astro', page('const { userId } = await Astro.locals.session'))
    assert.throws(
      () => ran(folder, [ASTRO, 'build'], SECRETS),
      /asked for while the application is being built[^\n]*Write `export const prerender = false`/,
    )
  })

  test('is built when it asks for none, although the middleware runs for it', (t) => {
    const folder = example(t, 'astro', page(''))
    ran(folder, [ASTRO, 'build'], SECRETS)
    assert.match(readFileSync(join(folder, 'dist', 'client', 'about', 'index.html'), 'utf8'), /About us/)
  })
})
