import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { root } from '../scripts/packages.ts'

const read = (file: string) => readFileSync(join(root, file), 'utf8')
const images = readdirSync(join(root, 'docs/images')).filter((name) => !name.endsWith('.svg'))

suite('the pictures of the documentation', () => {
  test('are those that scripts/pictures.ts takes, and no others', () => {
    const taken = ['demo', 'studio', 'site'].flatMap((set) =>
      [
        ...read(`scripts/pictures/${set}.ts`).matchAll(
          /camera\.(take|takeBoth)\(page, ['`]([\w-]+?)(-\$\{colorScheme\})?['`]/g,
        ),
      ].flatMap(([, how, name, scheme]) =>
        how === 'takeBoth' || scheme ? [`${name}-dark.webp`, `${name}-light.webp`] : [`${name}.webp`],
      ),
    )
    assert.deepEqual(images.sort(), taken.sort())
  })

  test('are shown, each by a page, in the dark theme where there is a picture of it', () => {
    const pages = `${read('docs/demo.md')}${read('docs/studio.md')}${read('CONTRIBUTING.md').replaceAll('docs/images/', 'images/')}`
    for (const name of images)
      assert.ok(pages.includes(name.includes('-dark.') ? `srcset="images/${name}"` : `src="images/${name}"`), name)
  })

  test('are small, and what their names say', () => {
    for (const name of images) {
      const path = join(root, 'docs/images', name)
      assert.match(readFileSync(path).subarray(0, 12).toString('latin1'), /^RIFF.{4}WEBP$/s)
      assert.ok(statSync(path).size < 100 * 1024, `${name}: ${statSync(path).size} bytes`)
    }
  })
})
