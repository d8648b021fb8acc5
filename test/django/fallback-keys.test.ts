import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { after, suite, test } from 'node:test'
import { sessionCodec } from '../../packages/django/src/session-data.ts'
import { Project, SECRET } from '../cli/project.ts'

const DAY = 86_400_000
const KEYS = ['new', 'old', 'oldest', 'strange'].map((name) => `a key of Django, the ${name} one, long enough for it`)
/** As an operator writes them, on a line of their own or after each other. The keys themselves have no spaces. */
const [KEY, OLD, OLDEST, STRANGE] = KEYS.map((key) => key.replaceAll(' ', '-')) as [string, string, string, string]
const env = { DJANGO_SECRET_KEY: KEY, DJANGO_SECRET_KEY_FALLBACKS: ` ${OLD}\n${OLDEST} `, STRONGROOM_SECRETS: SECRET }
const encoded = (secretKey: string, json: string) =>
  sessionCodec({
    ...{ secretKey, salt: 'django.contrib.sessions.SessionStore', legacy: false, maxSize: 1e6, clock: Date.now },
  }).encode(json)

suite("the command reads what Django's older keys have signed", () => {
  const project = new Project()
  after(() => project.remove())

  test('move moves the sessions of every key in DJANGO_SECRET_KEY_FALLBACKS, and of no other', async () => {
    const database = new DatabaseSync(project.path('django.db'))
    database.exec(
      `CREATE TABLE django_session (session_key varchar(40) PRIMARY KEY, session_data text NOT NULL, expire_date datetime NOT NULL)`,
    )
    const insert = database.prepare("INSERT INTO django_session VALUES (?, ?, '2999-01-01 00:00:00')")
    for (const [i, key] of [KEY, OLD, OLDEST, STRANGE].entries())
      insert.run(`session${i}`.padEnd(32, 'x'), encoded(key, '{"cart":["tea"]}'))
    database.close()
    const args = ['move', '--from', 'django+sqlite:./django.db', '--to', 'sqlite:./new.db', '--json']
    const { code, out, err } = await project.run(args, { env })
    const { moved, unreadable } = JSON.parse(out)
    assert.deepEqual([code, moved, unreadable], [1, 3, 1], err)
  })

  test('clear-expired finds in files of every one of these keys when they expire', async () => {
    const dir = project.path('sessions')
    mkdirSync(dir)
    for (const [i, key] of [KEY, OLD, OLDEST].entries())
      for (const [name, lifetime] of [
        ['ended', 60],
        ['lasting', 100 * 86_400],
      ] as const) {
        const path = `${dir}/sessionid${`${name}${i}`.padEnd(32, 'x')}`
        writeFileSync(path, encoded(key, `{"_session_expiry":${lifetime}}`))
        utimesSync(path, (Date.now() - DAY) / 1000, (Date.now() - DAY) / 1000)
      }
    const { code, out } = await project.run(['clear-expired', '--json', '--store', 'django+file:./sessions'], { env })
    assert.deepEqual([code, JSON.parse(out).count], [0, 3])
    assert.ok(readdirSync(dir).every((name) => name.includes('lasting')))
  })
})
