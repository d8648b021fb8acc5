import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { djangoMysql } from '../../packages/django/src/stores/mysql.ts'
import { rowTime } from '../../packages/django/src/stores/row-time.ts'
import { djangoFromUrl } from '../../packages/django/src/url.ts'
import { ConfigError } from '../../packages/strongroom/src/errors.ts'
import type { Id, Store } from '../../packages/strongroom/src/index.ts'
import { SECRET as OUR_SECRET, Project } from '../cli/project.ts'
import { Django, djangoNeed, SECRET } from './peer.ts'

const NEW_YORK = 'America/New_York'
const HOUR = 3_600_000
const at = (iso: string) => Date.parse(iso)

suite('moments of a Django with USE_TZ = False', () => {
  test('are the time on the clocks of its TIME_ZONE, in summer and in winter', () => {
    for (const [zone, iso, text] of [
      [NEW_YORK, '2026-01-15T12:00:00.000Z', '2026-01-15 07:00:00'],
      [NEW_YORK, '2026-07-15T12:00:00.120Z', '2026-07-15 08:00:00.120000'],
      ['Asia/Kolkata', '2026-07-15T20:00:00.000Z', '2026-07-16 01:30:00'],
      ['UTC', '2026-07-15T20:00:00.000Z', '2026-07-15 20:00:00'],
      [undefined, '2026-07-15T20:00:00.000Z', '2026-07-15 20:00:00'],
    ] as const) {
      const time = rowTime('x', zone)
      assert.deepEqual([time.text(at(iso)), time.now(at(iso)), time.ms(text)], [text, text, at(iso)])
    }
  })

  test('of the hour that comes twice when clocks are put back are the second one, and nothing in it is over before', () => {
    const time = rowTime('x', NEW_YORK)
    // At 06:00 UTC, 02:00 becomes 01:00.
    assert.equal(time.ms('2026-11-01 00:59:59'), at('2026-11-01T04:59:59Z'))
    assert.equal(time.ms('2026-11-01 01:30:00'), at('2026-11-01T06:30:00Z'))
    assert.equal(time.ms('2026-11-01 02:00:00'), at('2026-11-01T07:00:00Z'))
    for (const [iso, now] of [
      ['2026-11-01T04:59:00Z', '2026-11-01 00:59:00'],
      ['2026-11-01T05:30:00Z', '2026-11-01 01:00:00'],
      ['2026-11-01T05:59:59Z', '2026-11-01 01:00:00'],
      ['2026-11-01T06:30:00Z', '2026-11-01 01:30:00'],
    ] as const)
      assert.equal(time.now(at(iso)), now, iso)
  })

  test('of the hour that is left out when clocks are put forward are an hour later', () => {
    const time = rowTime('x', NEW_YORK)
    assert.equal(time.ms('2026-03-08 02:30:00'), at('2026-03-08T07:30:00Z'))
    assert.equal(time.now(at('2026-03-08T07:00:00Z')), '2026-03-08 03:00:00')
  })

  test('no row that Django would accept now or later is over', () => {
    for (const zone of [NEW_YORK, 'Europe/Berlin', 'Australia/Lord_Howe']) {
      const time = rowTime('x', zone)
      const start = at('2026-01-01T00:00:00Z')
      let least = '9999'
      // Backwards, because a later clock may show less.
      for (let ms = start + 366 * 24 * HOUR; ms >= start; ms -= HOUR / 4) {
        const shown = time.text(ms)
        if (shown < least) least = shown
        assert.equal(time.now(ms), least, zone)
      }
    }
  })

  test('a time zone that does not exist is refused, and so is one for PostgreSQL', () => {
    for (const make of [
      () => djangoFromUrl('django+sqlite:./x.db?timeZone=Mars/Olympus'),
      () => djangoFromUrl('django+mysql://h/x?timeZone=EST5EDT2'),
      () => djangoMysql({ url: 'mysql://h/x', timeZone: 5 as never }),
    ])
      assert.throws(make, (error: Error) => error instanceof ConfigError && /name of a time zone/.test(error.message))
    assert.throws(() => djangoFromUrl('django+postgres://h/x?timeZone=UTC'), /is for SQLite and MySQL/)
  })
})

suite('beside a real Django with USE_TZ = False', { skip: djangoNeed.skip }, () => {
  test('clear-expired removes no live session once the URL has its TIME_ZONE, and says what it assumes without', async () => {
    const project = new Project()
    const path = project.path('django.db')
    const DATABASES = { default: { ENGINE: 'django.db.backends.sqlite3', NAME: path } }
    const django = await Django.start({ DATABASES, USE_TZ: false, TIME_ZONE: NEW_YORK })
    try {
      await django.ask('migrate')
      const key = await django.ask('put', ['db', '{"a":1}'], { expiry: 3600 })
      await django.ask('put', ['db', '{"a":1}'], { expiry: -60 })
      const url = `django+sqlite:${path}?timeZone=${NEW_YORK}`
      const store = djangoFromUrl(url).engine.open({ clock: Date.now, cookieName: 'x', endOf: () => 0 }) as Store
      const left = ((await store.read(key as Id))?.entry.expiresAt ?? 0) - Date.now()
      assert.ok(left > HOUR / 2 && left <= HOUR, `${left}`)
      const later = Math.round((Date.now() + 2 * HOUR) / 1000) * 1000
      assert.equal(await store.touch(key as Id, later), true)
      assert.equal((await django.ask('row', [key]))[1], later)
      await store.close()
      const clear = async (more: string) => {
        const { code, out, err } = await project.run([
          'clear-expired',
          '--json',
          '--store',
          `django+sqlite:${path}${more}`,
        ])
        return [code, JSON.parse(out).count, err]
      }
      assert.deepEqual(await clear(`?timeZone=${NEW_YORK}`), [0, 1, ''])
      assert.equal(await django.ask('see', ['db', key]), '{"a":1,"_session_expiry":3600}')
      assert.deepEqual(await clear('?timeZone=UTC'), [0, 1, ''])
      const [code, count, err] = await clear('')
      assert.deepEqual([code, count], [0, 0])
      const noted = /^strongroom: Django's moments are read as UTC, [^\n]*add \?timeZone=[^\n]*\n$/
      assert.match(String(err), noted)
      const env = { DJANGO_SECRET_KEY: SECRET, STRONGROOM_SECRETS: OUR_SECRET }
      const move = (more: string) =>
        project.run(
          [
            'move',
            '--from',
            `django+sqlite:${path}${more}`,
            '--to',
            'sqlite:./ours.db',
            '--namespace',
            'x',
            '--dry-run',
          ],
          { env },
        )
      assert.match((await move('')).err, noted)
      assert.equal((await move('?timeZone=UTC')).err, '')
    } finally {
      await django.stop()
      project.remove()
    }
  })
})
