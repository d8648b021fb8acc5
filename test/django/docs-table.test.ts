import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { root } from '../../scripts/packages.ts'
import { citations, titlesOf } from '../support/docs/citations.ts'
import { BRIDGE_ENGINES } from './conformance/bridge-engines.ts'
import { DIFFERENCES } from './conformance/differences.ts'
import { DJANGO_TESTS } from './conformance/django-tests.ts'
import { OWN_ENGINES } from './conformance/engines.ts'
import type { Engine } from './conformance/subject.ts'
import { djangoNeed } from './peer.ts'

const text = readFileSync(join(root, 'docs/django.md'), 'utf8')
const [, section = ''] = text.split("## Every name of Django's, and its place here\n")
const rows = section
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'))
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')))
  .filter(([, , test]) => test !== 'test, or why not')
const titles = new Map<string, ReadonlySet<string>>()

/** The engines of the bridge as the documentation names them. */
function enginesWith(on: (engine: Engine) => boolean): string {
  const names = BRIDGE_ENGINES.filter(on).map(({ name }) => name.replace('django ', '').split(',')[0])
  if (names.length === BRIDGE_ENGINES.length) return 'all'
  return names.length === 1 ? String(names[0]) : 'all without a column for users'
}

/** Whether the name is in the first column of a row. */
const listed = (name: string) => rows.some(([django = '']) => new RegExp(`(?<![\\w])${name}(?![\\w])`).test(django))
const missing = (names: readonly string[]) => names.filter((name) => !listed(name))

suite('the table of Django’s names in docs/django.md', () => {
  test('every row has three columns', () => {
    assert.ok(rows.length > 80, `${rows.length}`)
    for (const row of rows) assert.equal(row.length, 3, row[0])
  })

  test('every row names a test that exists, or a reason why there is none', () => {
    for (const [django = '', here = '', proof = ''] of rows) {
      if (here === '–') {
        assert.match(proof, /^no: \w/, django)
        continue
      }
      const cited = citations(proof)
      assert.ok(cited.length > 0, `${django} names no test`)
      for (const { file, title } of cited) {
        const there = titles.get(file) ?? titlesOf(file)
        titles.set(file, there)
        assert.ok(there.has(title), `${file} has no test "${title}"`)
      }
    }
  })

  test('it states the number of tests and engines of the conformance test', () => {
    const engines = `${OWN_ENGINES.length} engines and ${BRIDGE_ENGINES.length} of the bridge`
    assert.ok(section.includes(`${DJANGO_TESTS.length} tests on ${engines}`))
  })

  test('it names every difference of the conformance test, its engines and the reason, and no other', () => {
    const [, after = ''] = text.split('### Where shared sessions differ\n')
    const [, , ...stated] = (after.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| '))
    const expected = DIFFERENCES.map(({ property, on, why }) => `| ${property} | ${enginesWith(on)} | ${why} |`)
    assert.deepEqual(stated, expected)
  })

  test('it has every public member of SessionBase, every setting and every engine of Django 5.2', () => {
    assert.deepEqual(missing(MEMBERS), [])
    assert.deepEqual(missing(SETTINGS), [])
    assert.deepEqual(missing(['db', 'file', 'cache', 'cached_db', 'signed_cookies']), [])
    assert.deepEqual(missing(['clearsessions', 'set_signed_cookie', 'get_signed_cookie', 'login', 'logout']), [])
    assert.deepEqual(missing(['update_session_auth_hash', 'get_session_auth_hash']), [])
  })

  test('it has every name of the installed Django', { skip: djangoNeed.skip }, () => {
    const program =
      'import json\nfrom inspect import iscoroutinefunction\nfrom django.conf import settings\nsettings.configure()\nfrom django.conf import global_settings\nfrom django.contrib.sessions.backends.base import SessionBase\nprint(json.dumps([[n for n in dir(SessionBase) if not n.startswith("_") and not iscoroutinefunction(getattr(SessionBase, n))], [n for n in dir(global_settings) if n.startswith("SESSION_")]]))'
    const { stdout, stderr } = spawnSync('/usr/bin/python3', ['-c', program], { encoding: 'utf8' })
    assert.ok(stdout, stderr)
    const [members, settings] = JSON.parse(stdout) as [string[], string[]]
    assert.ok(members.length > 25 && settings.length > 9)
    assert.deepEqual(missing([...members, ...settings]), [])
  })
})

const MEMBERS = [
  ...['accessed', 'clear', 'clear_expired', 'create', 'cycle_key', 'decode', 'delete', 'delete_test_cookie', 'encode'],
  ...['exists', 'flush', 'get', 'get_expire_at_browser_close', 'get_expiry_age', 'get_expiry_date'],
  ...['get_session_cookie_age', 'has_key', 'is_empty', 'items', 'key_salt', 'keys', 'load', 'modified', 'pop', 'save'],
  ...['serializer', 'session_key', 'set_expiry', 'set_test_cookie', 'setdefault', 'test_cookie_worked', 'update'],
  ...['values', 'TEST_COOKIE_NAME', 'TEST_COOKIE_VALUE', 'CreateError', 'UpdateError', 'SessionInterrupted'],
  ...['InvalidSessionKey', 'SuspiciousSession'],
]

const SETTINGS = [
  ...['SESSION_ENGINE', 'SESSION_CACHE_ALIAS', 'SESSION_FILE_PATH', 'SESSION_SERIALIZER', 'SESSION_COOKIE_NAME'],
  ...['SESSION_COOKIE_AGE', 'SESSION_COOKIE_DOMAIN', 'SESSION_COOKIE_PATH', 'SESSION_COOKIE_SECURE'],
  ...['SESSION_COOKIE_HTTPONLY', 'SESSION_COOKIE_SAMESITE', 'SESSION_SAVE_EVERY_REQUEST'],
  ...['SESSION_EXPIRE_AT_BROWSER_CLOSE', 'SECRET_KEY', 'SECRET_KEY_FALLBACKS', 'SIGNING_BACKEND'],
  ...['SIGNED_COOKIE_LEGACY_SALT_FALLBACK', 'CSRF_USE_SESSIONS', 'MESSAGE_STORAGE', 'USE_TZ'],
]
