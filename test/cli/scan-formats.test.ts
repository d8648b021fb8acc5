import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { packTar } from 'modern-tar'
import { Crc64 } from '../../packages/cli/src/scan/crc64.ts'
import { type Report, scanFile } from '../../packages/cli/src/scan/scan.ts'
import { type PostgresServer, postgresNeed, startPostgres } from '../servers/postgres.ts'
import { redisNeed, startRedis } from '../servers/redis.ts'
import { fillPostgres, output } from './databases.ts'
import { redisDumps } from './fuzz/dumps.ts'
import { memoryOf } from './memory.ts'
import { DJANGO, PLANTED } from './planted.ts'
import { Project } from './project.ts'
import { redisCommand, rowsOf, scannerIn } from './scanned.ts'

const project = new Project()
after(() => project.remove())

const scanned = scannerIn(project)

const [KEY, DATA] = DJANGO[0] as readonly [string, string]
const ROW = `INSERT INTO django_session VALUES ('${KEY}','${DATA}','x');\n`
const HEAD = '-- SQL\nSELECT 1;\n'
const ID = 'ab'.repeat(32)
const TIMES = [7, 1795600000000, 1795600200000, 1795590000000]

suite('compressed files are read to their end', () => {
  const zstd = (text: string) => zstdCompressSync(Buffer.from(text))
  const SKIPPABLE = Buffer.from('502a4d1804000000aabbccdd', 'hex')

  test('a row in any frame of zstd is found', async () => {
    for (const frames of [
      [zstd(HEAD), zstd(ROW)],
      [zstd(HEAD), zstd(''), zstd(HEAD), zstd(ROW), zstd(HEAD)],
      [SKIPPABLE, zstd(HEAD), SKIPPABLE, zstd(ROW)],
      [zstd(HEAD.repeat(50_000)), zstd(ROW)],
    ]) {
      const report = await scanned(Buffer.concat(frames))
      assert.deepEqual([report.problem, rowsOf(report)], [null, 1])
    }
  })

  test('a row in any member of gzip is found, also beyond padding of zeros', async () => {
    const whole = await scanned(Buffer.concat([gzipSync(HEAD), gzipSync(ROW)]))
    assert.deepEqual([whole.problem, rowsOf(whole)], [null, 1])
    const padded = await scanned(Buffer.concat([gzipSync(HEAD), Buffer.alloc(5000)]))
    assert.deepEqual([padded.problem, rowsOf(padded)], [null, 0])
    const hidden = await scanned(Buffer.concat([gzipSync(HEAD), Buffer.alloc(5000), gzipSync(ROW)]))
    assert.match(hidden.problem ?? '', /followed by other data/)
  })

  test('frames that are cut off, or followed by something else, were not read whole', async () => {
    for (const bytes of [
      Buffer.concat([zstd(HEAD), zstd(ROW).subarray(0, -3)]),
      Buffer.concat([zstd(HEAD), Buffer.from('something else')]),
      Buffer.concat([gzipSync(HEAD), Buffer.from('something else')]),
    ])
      assert.notEqual((await scanned(bytes)).problem, null)
  })

  test('gzip in gzip takes no more memory, whatever it expands to', () => {
    const piece = gzipSync(Buffer.alloc(1 << 24, 'x'))
    const bomb = Buffer.concat([gzipSync("-- MariaDB dump\nINSERT INTO t VALUES (1,'"), ...Array(16).fill(piece)])
    assert.ok(memoryOf(project.path('memory'), gzipSync(bomb)) < 80)
  })

  test('an archive with long names takes no more memory', () => {
    const int = (value: number) =>
      Buffer.from([value < 0 ? 1 : 0, ...new Uint8Array(Uint32Array.of(Math.abs(value)).buffer)])
    const string = (text: string) => Buffer.concat([int(text.length), Buffer.from(text)])
    const start = [Buffer.from('PGDMP\x01\x0e\0\x04\x08\x01'), ...Array(8).fill(int(0)), ...Array(3).fill(string('x'))]
    const names = [...Array(2).fill(string('0')), string('t'.repeat(16_384)), string('TABLE DATA'), int(3)]
    const rest = [
      string(''),
      string(''),
      string('COPY x (a) FROM stdin;'),
      string('s'.repeat(16_384)),
      ...Array(4).fill(string('')),
    ]
    const entry = (id: number) => Buffer.concat([int(id), int(1), ...names, ...rest, int(-1), Buffer.alloc(9)])
    const archive = Buffer.concat([...start, int(6000), ...Array.from({ length: 6000 }, (_, id) => entry(id))])
    assert.ok(memoryOf(project.path('memory'), gzipSync(gzipSync(archive))) < 80)
  })
})

suite('what is no dump that can be read is searched', () => {
  const csv = [ID, `\\x11${'00'.repeat(80)}`, ...TIMES].join(',')
  const FILES: Readonly<Record<string, readonly [bytes: Buffer | string, of: 'strongroom' | 'django' | 'cookies']>> = {
    'CSV of our rows': [`id,payload,version\n${csv}\n`, 'strongroom'],
    'CSV with a semicolon and a word of SQL': [`name;select\n"insert into x; drop";${KEY};${DATA}\n`, 'django'],
    'lines of one table of PostgreSQL': [`1\ta; SELECT b\n${KEY}\t${DATA}\tx\n\\.\n`, 'django'],
    'XML of mariadb-dump': [
      `<?xml version="1.0"?>\n<mysqldump><database name="a;b"><table_data name="django_session"><row><field name="session_key">${KEY}</field><field name="session_data">${DATA}</field></row></table_data></database></mysqldump>`,
      'django',
    ],
    'binary data': [
      Buffer.concat([randomBytes(1000), Buffer.from(`\0;select\0${KEY}${DATA}\0`), randomBytes(1000)]),
      'django',
    ],
    'a row of SQLite in bytes without a header': [
      Buffer.concat([Buffer.alloc(500), Buffer.from(`${ID}\x12`), randomBytes(100)]),
      'strongroom',
    ],
    'a session of the file engine': [Buffer.from(`SRF\x01${'\0'.repeat(100)}`), 'strongroom'],
    'a row before Django 3.1': [`x,${KEY},${DJANGO[3]?.[1]}\n`, 'django'],
    'a key of the cache of Django': [`x,:1:django.contrib.sessions.cache${KEY},y\n`, 'django'],
    'a log of cookies': [`GET / "sessionid=${KEY}; theme=dark"\n`, 'cookies'],
    'a log of our cookies': [`GET / "__Host-id=${'a'.repeat(88)}"\n`, 'cookies'],
    'CSV in UTF-16': [Buffer.from(`\ufeffx,${KEY},${DATA}\n`, 'utf16le'), 'django'],
  }
  for (const [what, [bytes, of]] of Object.entries(FILES))
    test(`${what}: found, and not read whole`, async () => {
      const report = await scanned(bytes)
      assert.match(report.problem ?? '', /not a known kind of dump|XML/)
      assert.ok((report.traces?.[of] ?? 0) > 0, JSON.stringify(report))
    })

  test('nothing is found where there is nothing', async () => {
    const lines = Array.from({ length: 2000 }, (_, i) =>
      [i, randomBytes(32).toString('hex'), 1795600000000 + i, randomBytes(9).toString('base64'), '10:20:30:40'].join(
        ',',
      ),
    )
    const { traces, problem } = await scanned(`id,sha256,created,token,time\n${lines.join('\n')}\n`)
    assert.notEqual(problem, null)
    assert.deepEqual(traces, { strongroom: 0, django: 0, cookies: 0 })
    assert.deepEqual((await scanned(randomBytes(1 << 20))).traces, { strongroom: 0, django: 0, cookies: 0 })
  })

  test('what lies across the blocks of the search is found, once', async () => {
    const found = `${KEY},${DATA}\n`
    // Where the search ends its first block, and where the bytes end that it has then.
    for (const border of [66_048, 66_560])
      for (let at = border - found.length; at <= border; at++) {
        const { traces } = await scanned(`${'x'.repeat(at - 1)},${found}${'y'.repeat(70_000)}`)
        assert.equal(traces?.django, 1, `at ${at}`)
      }
  })

  test('the rest of a dump is searched after the place where it cannot be read any more', async () => {
    const { problem, traces, findings } = await scanned(`${HEAD}${ROW}SELECT 'a;\n${ROW.replaceAll("'", '"')}`)
    assert.match(problem ?? '', /ends in the middle of a string/)
    assert.equal(findings.length, 1)
    assert.equal(traces?.django, 2)
    const xml = await scanned(`<?xml version="1.0"?>\n${'<a/>\n'.repeat(200_000)}<b>${KEY}</b><c>${DATA}</c>\n`)
    assert.equal(xml.traces?.django, 1)
  })
})

suite("Django's sessions", () => {
  test('a table of its DatabaseCache is found', async () => {
    for (const engine of ['cache', 'cached_db']) {
      const key = `shop:1:django.contrib.sessions.${engine}${KEY}`
      const report = await scanned(
        `CREATE TABLE c (cache_key text, value text, expires text);\nINSERT INTO c VALUES ('${key}','gAWV','x'),('shop:1:other','gAWV','x');\n`,
      )
      assert.deepEqual(
        [report.problem, report.findings],
        [null, [{ table: 'c', kind: 'django', rows: 1, readable: 'yes' }]],
      )
    }
  })

  test('a signed cookie is found, and nothing else that is signed in the same way', async () => {
    const signature = `:1r31eq:${randomBytes(32).toString('base64url')}`
    const body = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const compressed = `.${deflateSync(JSON.stringify({ cart: 'x'.repeat(300) })).toString('base64url')}`
    for (const [text, rows] of [
      [body({ cart: ['tea'] }), 1],
      [body({ cart: 'x'.repeat(9000) }), 1],
      [compressed, 1],
      [body('ada@example.org'), 0],
      [body(42), 0],
    ] as const) {
      const report = await scanned(`INSERT INTO log VALUES (1,'${text}${signature}');\n`)
      assert.deepEqual([report.problem, rowsOf(report)], [null, rows], text.slice(0, 40))
    }
  })
})

suite('commands in a log of Redis', () => {
  const many = (pairs: number) => Array.from({ length: pairs }, (_, i) => [`key ${i}`, 'value']).flat()
  const OLD = DJANGO[3]?.[1] as string

  for (const [what, words, rows] of [
    ['SET', ['SET', KEY, DATA, 'EX', '60'], 1],
    ['SETNX', ['SETNX', KEY, DATA], 1],
    ['SETEX', ['SETEX', KEY, '60', OLD], 1],
    ['SETEX of a value that is a cookie, too', ['SETEX', KEY, '60', DATA], 1],
    ["SETEX of Django's cache", ['SETEX', `:1:django.contrib.sessions.cache${KEY}`, '60', 'x'], 1],
    ['MSET', ['MSET', KEY, DATA, 'x', 'y', KEY, OLD], 2],
    ['MSET, after many other values', ['MSET', ...many(40), KEY, OLD], 1],
    ['MSET, before many other values', ['MSET', KEY, OLD, ...many(40)], 1],
    ['HSET', ['HSET', 'a hash', KEY, OLD], 1],
    ['nothing but other values', ['MSET', ...many(40)], 0],
    ['commands of one word', ['PING'], 0],
  ] as const)
    test(`a log with ${what}: it has ${rows} session rows`, async () => {
      const report = await scanned(`${redisCommand('SELECT', '0')}${redisCommand(...words)}${redisCommand('PING')}`)
      assert.deepEqual([report.problem, report.format, rowsOf(report)], [null, 'log of Redis', rows])
    })

  /** As DUMP writes it, with the version of Redis 7. */
  const dumped = (...value: (Buffer | string)[]) => {
    const bytes = Buffer.concat([
      ...value.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)),
      Buffer.from([11, 0]),
    ])
    const crc = new Crc64()
    crc.update(bytes)
    return Buffer.concat([bytes, crc.digest()])
  }
  const long = (bytes: Buffer) => Buffer.from([0x40 | (bytes.length >> 8), bytes.length & 255])
  const restore = (word: string, key: string, value: Buffer) =>
    Buffer.from(redisCommand(word, key, '0', value.toString('latin1'), 'REPLACE', 'ABSTTL'), 'latin1')
  const log = (...commands: Buffer[]) =>
    Buffer.concat([Buffer.from(redisCommand('SELECT', '0')), ...commands, Buffer.from(redisCommand('PING'))])
  const STRING = Buffer.from([0])
  const OURS = Buffer.concat([Buffer.from([1]), Buffer.alloc(25), Buffer.from([0x12]), randomBytes(100)])
  // The first 32 bytes, and then zeros that are copied from one another.
  const COMPRESSED = Buffer.concat([
    Buffer.from([0xc3, 38, 0x41, 0x20, 31]),
    OURS.subarray(0, 32),
    ...[Buffer.from([0, 0]), Buffer.from([0xe0, 246, 0])],
  ])

  for (const [what, key, value, kind] of [
    ["Django's data", `session:${KEY}`, dumped(STRING, long(Buffer.from(DATA)), DATA), 'django'],
    ["Django's cache", `:1:django.contrib.sessions.cache${KEY}`, dumped(STRING, '\x04abcd'), 'django'],
    ['a session of ours', `strongroom:${ID}`, dumped(STRING, long(OURS), OURS), 'server-key'],
    ['a compressed session of ours', `strongroom:${ID}`, dumped(STRING, COMPRESSED), 'server-key'],
  ] as const)
    for (const word of ['RESTORE', 'restore-asking'])
      test(`${what} that ${word} brings from another server is found`, async () => {
        const report = await scanned(log(restore(word, key, value)))
        assert.deepEqual([report.problem, report.findings.map(({ kind, rows }) => [kind, rows])], [null, [[kind, 1]]])
      })

  test('a value of another type, or of any other key, that RESTORE brings is no session', async () => {
    const values = [dumped(STRING, '\x04abcd'), dumped('\x01\x02\x01a\x01b'), dumped(STRING, '\xc0\x07')]
    const report = await scanned(log(...values.map((value) => restore('RESTORE', 'a key', value))))
    assert.deepEqual([report.problem, report.findings], [null, []])
  })

  test('a value of RESTORE that cannot be read is reported, and what follows it is read', async () => {
    const whole = dumped(STRING, '\x04abcd')
    for (const value of [
      dumped(Buffer.from([7]), randomBytes(40)),
      dumped(Buffer.from([99]), 'abcd'),
      dumped(STRING, long(OURS), 'abcd'),
      dumped(STRING, '\x04abcd', 'efgh'),
      whole.fill(1, 8),
      Buffer.alloc(0),
    ]) {
      const report = await scanned(
        log(restore('RESTORE', `session:${KEY}`, value), Buffer.from(redisCommand('SET', KEY, DATA))),
      )
      assert.match(report.problem ?? '', /not understood: a value that was restored/)
      assert.equal(rowsOf(report), 1)
    }
  })
})

suite('files of Redis', { skip: redisNeed.skip }, () => {
  let dumps: Awaited<ReturnType<typeof redisDumps>>
  before(async () => {
    const server = await startRedis()
    dumps = await redisDumps(server).finally(() => server.stop())
  })
  const bytesOf = (name: string) => dumps.find((dump) => dump.name === name)?.files.get('') as Buffer
  const kindsIn = ({ findings }: Report) => Object.fromEntries(findings.map(({ kind, rows }) => [kind, rows]))

  test('every session in a dump is found, of Strongroom, of django-redis-sessions and of a cache', async () => {
    const report = await scanned(bytesOf('RDB'))
    assert.deepEqual([report.problem, report.format], [null, 'dump of Redis'])
    assert.deepEqual(kindsIn(report), { ...PLANTED, django: DJANGO.length + 4 })
  })

  test('every session in a log is found', async () => {
    const report = await scanned(bytesOf('AOF'))
    assert.deepEqual([report.problem, report.format], [null, 'log of Redis'])
    for (const [kind, rows] of Object.entries({ ...PLANTED, django: DJANGO.length + 4 }))
      assert.ok((kindsIn(report)[kind] ?? 0) >= rows, kind)
  })

  test('a changed byte is noticed by the checksum', async () => {
    const bytes = Buffer.from(bytesOf('RDB'))
    const at = bytes.indexOf('a hash')
    bytes[at] = 0x62
    assert.match((await scanned(bytes)).problem ?? '', /checksum/)
  })
})

suite('PostgreSQL in several files', { skip: postgresNeed.skip }, () => {
  let server: PostgresServer
  before(async () => {
    server = await startPostgres()
    await fillPostgres(server.url)
  })
  after(() => server.stop())
  const EVERYTHING = Object.values(PLANTED).reduce((sum, rows) => sum + rows, DJANGO.length)

  function directory(...args: string[]): string {
    const path = project.path('directory')
    rmSync(path, { recursive: true, force: true })
    output('pg_dump', [server.url, '-Fd', `--file=${path}`, ...args])
    return path
  }

  for (const args of [[], ['-Z0'], ['--inserts']])
    test(`every planted row of a directory ${args.join(' ')} is found`, async () => {
      const report = await scanFile(directory(...args), { pgRestore: null })
      assert.deepEqual([report.problem, rowsOf(report)], [null, EVERYTHING])
      assert.match(report.format ?? '', /^PostgreSQL directory/)
    })

  test('a directory without one of its files, or with another one, was not read whole', async () => {
    const path = directory()
    const data = readdirSync(path).find((name) => /^\d/.test(name)) as string
    writeFileSync(join(path, '1.dat'), 'x')
    assert.match((await scanFile(path, { pgRestore: null })).problem ?? '', /does not name/)
    rmSync(join(path, '1.dat'))
    rmSync(join(path, data))
    assert.match((await scanFile(path, { pgRestore: null })).problem ?? '', /missing/)
  })

  test('a file of large objects that cannot be opened is not needed, and its error ends nothing', async () => {
    const path = directory()
    // A link to itself cannot be opened, not even by root.
    symlinkSync('blob_1.dat', join(path, 'blob_1.dat'))
    assert.equal((await scanFile(path, { pgRestore: null })).problem, null)
    // The error of the unread file comes later, and without a listener fails this test.
    await wait(50)
  })

  test('a directory that is no dump is not read', async () => {
    mkdirSync(project.path('other'), { recursive: true })
    assert.match((await scanFile(project.path('other'), { pgRestore: null })).problem ?? '', /name the files/)
  })

  test('every planted row of a tar archive is found', async () => {
    const report = await scanned(output('pg_dump', [server.url, '-Ft']))
    assert.deepEqual([report.problem, rowsOf(report)], [null, EVERYTHING])
    assert.equal(report.format, 'PostgreSQL tar archive')
  })

  test('a tar archive of any dumps is read', async () => {
    const file = (name: string, bytes: Buffer) => ({
      header: { name, size: bytes.length, type: 'file' as const },
      body: bytes,
    })
    const files = [
      file('a.sql', Buffer.from(ROW)),
      file('b.gz', gzipSync(output('pg_dump', [server.url]))),
      file('c', Buffer.alloc(0)),
    ]
    const archive = Buffer.from(await packTar(files))
    const report = await scanned(gzipSync(archive))
    assert.deepEqual([report.problem, rowsOf(report)], [null, EVERYTHING + 1])
    const withText = await scanned(Buffer.from(await packTar([...files, file('d', Buffer.from('Dear Sir'))])))
    assert.match(withText.problem ?? '', /one of its files: it is not a known kind of dump/)
    assert.equal(rowsOf(withText), EVERYTHING + 1)
    assert.match((await scanned(archive.subarray(0, -600))).problem ?? '', /cut off/)
  })

  test('data in an archive that its table of contents does not name is damage', async () => {
    const archive = output('pg_dump', [server.url, '-Fc', '-Z0'])
    const copy = Buffer.from(archive.toString('latin1').replaceAll('TABLE DATA', 'TABLE DATB'), 'latin1')
    assert.match((await scanned(copy)).problem ?? '', /damaged/)
  })
})
