import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { braces, safeHtml, withoutCode, withoutComments, withTargets, withThemedPictures } from '../../site/markdown.ts'
import { pagesOf, readNavigation } from '../../site/navigation.ts'
import { placesOfPages } from '../../site/pages.ts'
import { menus } from '../../site/sidebar.ts'
import { slug } from '../../site/slug.ts'

suite('a page of GitHub becomes one of the site', () => {
  test('without comments, and with those that a block of code shows', () => {
    const page = 'a\n<!-- before\n```ts\nhidden\n```\n-->\nb\n```html\n<!-- shown -->\n```\n<!-- try GET / -->\nc'
    assert.equal(withoutComments(page), 'a\nb\n```html\n<!-- shown -->\n```\nc')
  })

  test('with links and pictures followed, except in code', () => {
    const page = 'see [a](a.md#b) and `[c](c.md)`\n<img src="d.webp">\n```md\n[e](e.md)\n```\n![f](f.svg)'
    const seen: string[] = []
    const changed = withTargets(page, (target) => {
      seen.push(target)
      return target.toUpperCase()
    })
    assert.deepEqual(seen, ['a.md#b', 'd.webp', 'f.svg'])
    assert.match(changed, /\[a\]\(A\.MD#B\) and `\[c\]\(c\.md\)`[\s\S]*\[e\]\(e\.md\)[\s\S]*!\[f\]\(F\.SVG\)/)
  })

  test('with tags that pages use, and all others as text', () => {
    assert.equal(safeHtml('<img src="a.svg">'), '<img src="a.svg">')
    assert.equal(safeHtml('--watch <seconds>'), '--watch &lt;seconds>')
    assert.equal(safeHtml('<script>alert(1)</script>'), '&lt;script>alert(1)&lt;/script>')
    assert.equal(safeHtml('<b>{{ x }}</b>').includes('{{'), false)
  })

  test('with braces that Vue does not evaluate', () =>
    assert.equal(braces('{{ 1 + 1 }}'), '&#123;&#123; 1 + 1 &#125;&#125;'))

  test('with a picture for each theme', () => {
    const picture =
      '<picture>\n  <source media="(prefers-color-scheme: dark)" srcset="d.webp">\n  <img src="l.webp" alt="A">\n</picture>'
    const pair = withThemedPictures(picture)
    assert.match(pair, /class="only-light"[^>]*src="l\.webp" alt="A"/)
    assert.match(pair, /class="only-dark"[^>]*src="d\.webp" alt="A"/)
  })

  test('with the anchors of GitHub', () => {
    assert.equal(slug('A user’s `sessions`, in pages'), 'a-users-sessions-in-pages')
    assert.equal(slug('1. Über — snake_case'), '1-über--snake_case')
  })

  test('and its search knows the words, not the code', () =>
    assert.equal(withoutCode('before\n```ts\nconst a = 1\n```\nafter'), 'before\n\nafter'))

  test('no two pages have the same place', () => {
    const places = [...placesOfPages().values()].map((place) => place.toLowerCase())
    assert.equal(new Set(places).size, places.length)
  })
})

suite('the index is the navigation', () => {
  const INDEX = `# Documentation

## Start

| | |
| --- | --- |
| [One](one.md) | as [Two](two.md) says |
| [Readme](../README.md) | |

See [Four](four.md).

## Engines

| on servers | made of others |
| --- | --- |
| [Two](two.md) | [Three](three.md): of two |
| [Five](five.md), [Six](six.md) | |

- [Seven](seven.md#part): as a list
`
  const sections = readNavigation(INDEX)

  test('a table without headers is a list, and in one with headers each column is a group', () =>
    assert.deepEqual(
      sections.map(({ title, groups }) => [
        title,
        groups.map(({ title, items }) => [title, items.map(({ text }) => text)]),
      ]),
      [
        ['Start', [[null, ['One', 'Readme', 'Four']]]],
        [
          'Engines',
          [
            ['on servers', ['Two', 'Five', 'Six']],
            ['made of others', ['Three']],
            [null, ['Seven']],
          ],
        ],
      ],
    ))

  test('a page that prose names has its place where a table names it, and no page has two', () => {
    const pages = pagesOf(sections)
    assert.equal(pages.filter((page) => page === 'docs/two.md').length, 1)
    assert.equal(new Set(pages).size, pages.length)
    assert.deepEqual(pages.slice(0, 3), ['docs/one.md', 'README.md', 'docs/four.md'])
  })

  test('a page that is not there is an error, and so is a section of the top that is not there', () => {
    assert.throws(
      () => menus(sections, new Map(), []),
      /docs\/README\.md lists docs\/one\.md, and there is no such page/,
    )
    const places = new Map([...pagesOf(sections), 'docs/README.md'].map((page) => [page, page]))
    assert.throws(() => menus(sections, places, []), /no section "Frameworks"/)
  })
})
