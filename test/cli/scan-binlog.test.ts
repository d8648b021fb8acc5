import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { after, before, suite, test } from 'node:test'
import { mariadbNeed, startMariadb } from '../servers/mariadb.ts'
import { binlog, type Cell, event, format, log, MAGIC, query, rows, STOP, tableMap } from './binlog-events.ts'
import { output } from './databases.ts'
import { logDumps, WITH_LOG } from './fuzz/logs.ts'
import { memoryOf } from './memory.ts'
import { DJANGO } from './planted.ts'
import { main, Project } from './project.ts'
import { rowsOf, scannerIn } from './scanned.ts'

const project = new Project()
after(() => project.remove())

const scanned = scannerIn(project)

const [KEY, DATA] = DJANGO[0] as readonly [string, string]
/** From before Django 3.1: without its key it is not known for a session. */
const OLD_DATA = DJANGO[3]?.[1] as string
const SESSION = [KEY, DATA, 'x'] as const
const ID = Buffer.from('ab'.repeat(31), 'hex')
const RECORD = Buffer.concat([Buffer.from([0x11]), randomBytes(200)])
/** A row of ours, whose id ends with a zero, which a log leaves out. */
const OURS: readonly Cell[] = [1, ID, RECORD, 1, 1795600000000, 1795600200000, 1795590000000, null, null]
const [TABLE_MAP, INSERT, UPDATE, DELETE] = [19, 23, 24, 25]

/** The events of one statement. */
const written = (table: string, cells: readonly Cell[], type: number, body: Buffer) => [
  event(TABLE_MAP, tableMap(table, cells)),
  event(type, body),
]
const V1 = { extra: null } as const

suite('binary logs of a real server', { skip: mariadbNeed.skip }, () => {
  let dumps: Awaited<ReturnType<typeof logDumps>>
  before(async () => {
    const server = await startMariadb(WITH_LOG)
    dumps = await logDumps(server).finally(() => server.stop())
  })

  test('every planted row is found, however it is logged and printed, and nothing else is said', async () => {
    assert.ok(dumps.length > 30)
    for (const { name, files, keys } of dumps) {
      const report = await scanned(files.get('') as Buffer)
      assert.equal(report.problem, null, name)
      assert.match(report.format ?? '', name.startsWith('log') ? /^binary log/ : /^output of mysqlbinlog/)
      assert.ok(rowsOf(report) >= keys.length, name)
      assert.ok(!report.findings.some(({ kind }) => kind === null), 'no table is called empty that has rows')
    }
  })

  test('with every option of mysqlbinlog, all rows are found, or the output was not read whole', async () => {
    assert.equal(OPTIONS.length, 18)
    writeFileSync(project.path('binary'), dumps[0]?.files.get('') as Buffer)
    for (const options of OPTIONS) {
      const report = await scanned(output('mysqlbinlog', ['--no-defaults', ...options, project.path('binary')]))
      const isFound = rowsOf(report) >= (dumps[0]?.keys.length ?? 0)
      assert.ok(isFound || report.problem !== null, options.join(' '))
    }
  })

  test('a log that is cut off after an event, or that is still written to, was not read whole', async () => {
    const bytes = dumps[0]?.files.get('') as Buffer
    for (let at = 4, count = 0; at < bytes.length && count < 40; count++) {
      assert.notEqual((await scanned(bytes.subarray(0, at))).problem, null)
      at += bytes.readUInt32LE(at + 9)
    }
  })

  test('what mysqlbinlog prints is cut off where its last lines are missing', async () => {
    const text = dumps[1]?.files.get('') as Buffer
    const end = text.lastIndexOf('# at ')
    assert.match((await scanned(text.subarray(0, end))).problem ?? '', /cut off/)
  })
})

/** Options of mysqlbinlog of which some lose rows, or print them in a way that is not read. */
const OPTIONS = [
  ['--short-form'],
  ['--short-form', '-v'],
  ['--hexdump'],
  ['--hexdump', '-v'],
  ['--hexdump', '-v', '--base64-output=decode-rows'],
  ['--hexdump', '-v', '--base64-output=decode-rows', '--skip-annotate-row-events'],
  ['--hexdump', '--base64-output=decode-rows'],
  ['--hexdump', '--base64-output=decode-rows', '--skip-annotate-row-events'],
  ['--flashback'],
  ['--rewrite-db=log_0->other'],
  ['--table=people'],
  ['--base64-output=decode-rows'],
  ['--base64-output=never', '-v'],
  ['--skip-annotate-row-events'],
  ['--skip-print-row-count', '-vv'],
  ['--skip-print-row-event-positions'],
  ['--disable-log-bin', '--set-charset=utf8mb4'],
  ['--database=log_0', '-vvv'],
]

suite('a row in a binary log is found', () => {
  const WAYS: Readonly<Record<string, readonly Buffer[]>> = {
    'inserted, version 1': written('django_session', SESSION, INSERT, rows([SESSION], V1)),
    'inserted, version 2': written('s', SESSION, 30, rows([SESSION])),
    'version 2 with extra information': written('s', SESSION, 30, rows([SESSION], { extra: randomBytes(9) })),
    deleted: written('s', SESSION, DELETE, rows([SESSION], V1)),
    compressed: written('s', SESSION, 166, rows([SESSION], { ...V1, isCompressed: true })),
    'of ours, in a table of another name': written('t', OURS, INSERT, rows([OURS], V1)),
    'in a statement': [event(2, query(`INSERT INTO s VALUES ('${KEY}','${DATA}','x')`))],
    'in a statement with a comment at its end': [event(2, query(`INSERT INTO s VALUES ('${KEY}','${DATA}') -- x`))],
    'after a procedure': [
      event(2, query('CREATE PROCEDURE p() BEGIN IF 1 THEN SELECT 1; ELSE RETURN; END IF; END')),
      event(2, query(`INSERT INTO s VALUES ('${KEY}','${DATA}')`)),
    ],
    'after a backslash that is no escape': [
      event(2, query("INSERT INTO t VALUES ('C:\\')", 1 << 20)),
      event(2, query(`INSERT INTO s VALUES ('${KEY}','${DATA}')`)),
    ],
    'beside other tables of the statement': [
      event(TABLE_MAP, tableMap('other', ['a'], 8)),
      event(TABLE_MAP, tableMap('s', SESSION, 9)),
      event(INSERT, rows([SESSION], { ...V1, id: 9 })),
    ],
  }
  for (const [way, events] of Object.entries(WAYS))
    test(way, async () => {
      const report = await scanned(log(...events))
      assert.deepEqual([report.problem, rowsOf(report)], [null, 1])
      if (events.some((each) => each[4] === 2)) return
      const text = await scanned(`DELIMITER /*!*/;\n${binlog(format())}${binlog(...events)}${LAST}`)
      assert.deepEqual([text.problem, rowsOf(text)], [null, 1])
    })

  test('before a change and after it', async () => {
    const changed = [KEY, DATA.replace('1r31eq', '1r31er'), 'y']
    const report = await scanned(log(...written('s', SESSION, UPDATE, rows([SESSION, changed], { ...V1, each: 2 }))))
    assert.deepEqual([report.problem, rowsOf(report)], [null, 2])
  })

  test('after rows with columns of every type', async () => {
    const row = [...SESSION, ...everyType()]
    const report = await scanned(log(...written('s', row, INSERT, rows([row, row, row], V1))))
    assert.deepEqual([report.problem, rowsOf(report)], [null, 3])
  })

  test('in a log without checksums, and of a server that knows none', async () => {
    for (const version of ['8.0.40', '10.11.6-MariaDB'])
      for (const hasChecksum of [false, true]) {
        const events = [
          event(TABLE_MAP, tableMap('s', SESSION), { hasChecksum }),
          event(INSERT, rows([SESSION], V1), { hasChecksum }),
          event(3, Buffer.alloc(0), { hasChecksum }),
        ]
        const report = await scanned(Buffer.concat([MAGIC, format({ version, hasChecksum }), ...events]))
        assert.deepEqual([report.problem, rowsOf(report)], [null, 1])
      }
  })

  test('in comments: MariaDB and MySQL escape what is in a string in different ways', async () => {
    const id = [...ID].map((byte) => String.fromCharCode(byte)).join('')
    const value = (text: string) => Buffer.from(text, 'latin1')
    const lines = (table: string, ...values: string[]) =>
      value(
        `DELIMITER /*!*/;\n### INSERT INTO \`shop\`.\`${table}\`\n### SET\n${values.map((each, i) => `###   @${i + 1}=${each}\n`).join('')}# at 9\n${LAST}`,
      )
    const record = `'\x11it's \\x5c\\x00\\x27${'\xff'.repeat(90)}'`
    for (const [text, table] of [
      [lines('django_session', "'a'", "'b'", '1795600000'), 'shop.django_session'],
      [lines('s', `'${KEY}'`, `'${DATA}'`, "'2026-01-01 00:00:00'"), 'shop.s'],
      [lines('s', `'${KEY}' /* VARSTRING(160) meta=160 nullable=0 is_null=0 */`, `'${DATA}' /* LONGBLOB */`), 'shop.s'],
      [lines('t``s', '1', `'${id}'`, record, '1', '1795600000000', '1795600200000 (1)', 'NULL'), 'shop.t`s'],
    ] as const) {
      const report = await scanned(text)
      assert.deepEqual([report.problem, report.findings.map(({ table, rows }) => [table, rows])], [null, [[table, 1]]])
    }
  })
})

/** How `--hexdump` prints an event of rows, and how that of MySQL prints the end of a transaction. */
const HEX_ROWS = `# Position
#           |Timestamp   |Type |Master ID   |Size        |Master Pos  |Flags
#      6b8  |61 25 0c 6b |17   |01 00 00 00 |0d 01 00 00 |c5 07 00 00 |00 00
#
#      6cb  14 00 00 00 00                                    |.....|
#
`
const HEX_OF_MYSQL = '# 00000004 b4 90 4a 44   10   01 00 00 00   5e 00 00 00   62 00 00 00   00 00\n'
const ROWS_IN_COMMENTS = `### INSERT INTO \`a\`.\`b\`\n### SET\n###   @1='${KEY}'\n###   @2='${DATA}'\n`

/** The lines with which mysqlbinlog ends. */
const LAST = 'DELIMITER ;\n# End of log file\n/*!50003 SET COMPLETION_TYPE=@OLD_COMPLETION_TYPE*/;\n'

/** A value of each type, with its length on disk. */
function everyType(): Cell[] {
  const cell = (type: number, meta: readonly number[], size: number, head: readonly number[] = []): Cell => ({
    type,
    meta: Buffer.from(meta),
    value: Buffer.concat([Buffer.from(head), Buffer.alloc(size, 0x61)]),
  })
  const fixed = [1, 2, 4, 4, 8, 0, 4, 8, 3, 3, 3, 8, 1, 3]
  return [
    ...fixed.map((size, i) => cell(i + 1, [3, 4].includes(i) ? [size] : [], size)).filter((_, i) => i !== 5),
    cell(16, [1, 1], 2),
    cell(17, [3], 6),
    cell(18, [6], 8),
    cell(19, [2], 4),
    cell(245, [4], 5, [5, 0, 0, 0]),
    cell(246, [10, 3], 6),
    cell(246, [20, 9], 9),
    cell(254, [0xf7, 2], 2),
    cell(254, [0xf8, 1], 1),
    cell(254, [0xee, 0x2c], 3, [3, 0]),
    cell(253, [9, 0], 4, [4]),
    cell(255, [4], 7, [7, 0, 0, 0]),
    cell(249, [1], 2, [2]),
  ]
}

suite('what is not understood in a binary log is reported', () => {
  const unknownType: Cell = { type: 99, meta: Buffer.alloc(0), value: Buffer.from('abc') }
  const compressed: Cell = { type: 140, meta: Buffer.from([4]), value: Buffer.from([2, 0, 0, 0, 0x80, 1]) }
  const ours = OURS.map((cell, i) => ([0, 2, 4, 5].includes(i) ? cell : undefined))
  const LOST: Readonly<Record<string, Buffer>> = {
    'a column of an unknown type': log(
      ...written('django_session', [KEY, unknownType], INSERT, rows([[KEY, unknownType]], V1)),
    ),
    'a compressed column': log(...written('t', [KEY, compressed], INSERT, rows([[KEY, compressed]], V1))),
    'a session table without some of its columns': log(
      ...written(
        'django_session',
        SESSION,
        UPDATE,
        rows(
          [
            [KEY, undefined, undefined],
            [undefined, undefined, 'x'],
          ],
          { ...V1, each: 2 },
        ),
      ),
    ),
    'a change of a record, of a row without its id': log(
      ...written(
        't',
        OURS,
        UPDATE,
        rows(
          [ours.map((cell, i) => (i === 0 ? cell : undefined)), ours.map((cell, i) => (i === 0 ? undefined : cell))],
          { ...V1, each: 2 },
        ),
      ),
    ),
    'signed data without its key': log(...written('t', SESSION, INSERT, rows([[undefined, OLD_DATA, 'x']], V1))),
    'rows of a table that is not described': log(event(INSERT, rows([SESSION], V1))),
    'another number of columns than the table has': log(...written('s', ['a', 'b'], INSERT, rows([SESSION], V1))),
    'rows that end in the middle': log(...written('s', SESSION, INSERT, rows([SESSION], V1).subarray(0, -9))),
    'rows without a column': log(
      ...written(
        's',
        SESSION,
        INSERT,
        Buffer.concat([rows([[undefined, undefined, undefined]], V1), Buffer.from('x')]),
      ),
    ),
    'parts of JSON columns': log(...written('s', SESSION, 39, rows([SESSION]))),
    'a compressed transaction': log(event(40, randomBytes(100))),
    'the data of LOAD DATA': log(event(17, Buffer.from(`\0\0\0\0${KEY},${DATA}`))),
    'an event of an unknown kind': log(event(120, randomBytes(100))),
    'an encrypted log': log(event(164, randomBytes(17)), randomBytes(500)),
    'a statement that is not understood': log(event(2, query(`UPDATE django_session SET session_data = '${DATA}'`))),
    'a statement without an end': log(event(2, query("SELECT 'a"))),
    'a session in a variable': log(event(14, Buffer.from(`x,${KEY},${DATA}\n`))),
    'a session in the note of a statement, and in no row': log(event(160, Buffer.from(`UPDATE t SET a = '${DATA}'`))),
    'a log of another version': log().fill(3, 23, 24),
    'a log that does not begin with its description': Buffer.concat([
      MAGIC,
      ...written('s', SESSION, INSERT, rows([SESSION], V1)),
      STOP,
    ]),
    'no last event': Buffer.concat([MAGIC, format()]),
    'a log without an event': MAGIC,
    'an encrypted log of MySQL': Buffer.from('\xfdbin\x01\x02\x03', 'latin1'),
  }
  for (const [what, bytes] of Object.entries(LOST))
    test(what, async () => {
      assert.notEqual((await scanned(bytes)).problem, null)
    })

  test('what has nothing to do with rows is not reported, nor an unknown event that may be ignored', async () => {
    const report = await scanned(
      log(
        event(33, randomBytes(42)),
        event(162, randomBytes(19)),
        event(120, randomBytes(9), { flags: 0x80 }),
        event(2, query('BEGIN')),
        event(160, Buffer.from('INSERT INTO t VALUES (1)')),
        ...written('t', ['a', 1, null], INSERT, rows([['a', 1, null]], V1)),
        ...written(
          't',
          ['a', 1, null],
          UPDATE,
          rows(
            [
              ['a', undefined, undefined],
              [undefined, 2, undefined],
            ],
            { ...V1, each: 2 },
          ),
        ),
        event(16, randomBytes(8)),
      ),
    )
    assert.deepEqual([report.problem, report.findings], [null, []])
  })

  test('every changed byte of an event is noticed by its checksum', async () => {
    const bytes = log(...written('s', SESSION, INSERT, rows([SESSION], V1)))
    for (let at = 4; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] as number) ^ 4
      assert.notEqual((await scanned(changed)).problem, null, `at ${at}`)
    }
  })

  const events = written('django_session', SESSION, INSERT, rows([SESSION], V1))
  const IN_TEXT: Readonly<Record<string, string>> = {
    'events before their description': binlog(...events),
    'half of an event': `${binlog(format())}${binlog(...events).replace(/\n.{76}\n/, '\n')}`,
    'base64 that is none': `${binlog(format())}${binlog(...events).replace(/\n./, '\n!')}`,
    'events in a comment': `${binlog(format())}/* ${binlog(...events)}`,
    'events in variables': `${binlog(format())}SET @a='AAAA';\nBINLOG @a, @b;\n`,
    'a statement among row events': binlog(format(), event(2, query('BEGIN'))),
    'rows in comments that a string has taken in': `SET "\n### INSERT INTO \`a\`.\`b\`\n### SET\n###   @1='"\n;\n`,
    'an unknown table in comments': '### Row event for unknown table #18\n',
    'a column without a quote at its end': `### INSERT INTO \`a\`.\`b\`\n### SET\n###   @1='${KEY}\n`,
    'a row with a line that is no column': `### INSERT INTO \`a\`.\`b\`\n### SET\n###   1='${KEY}'\n`,
    'a session table without some of its columns':
      '### UPDATE `a`.`django_session`\n### WHERE\n###   @1=1\n### SET\n###   @3=1\n',
    'signed data without its key': `### UPDATE \`a\`.\`b\`\n### WHERE\n###   @1=1\n### SET\n###   @3='${OLD_DATA}'\n`,
    'a session in the note of a statement, and in no row': `#Q> UPDATE t SET a = '${DATA}'\n`,
    'rows in hexadecimal digits alone': HEX_ROWS,
    'rows in hexadecimal digits alone, before a transaction': `${HEX_ROWS}${HEX_OF_MYSQL}${HEX_ROWS}${ROWS_IN_COMMENTS}`,
    'a session in another comment': `### a session: ${KEY} ${DATA}\n`,
  }
  for (const [what, text] of Object.entries(IN_TEXT))
    test(`in a text: ${what}`, async () => {
      const report = await scanned(`DELIMITER /*!*/;\n${text}${LAST}`)
      assert.match(report.problem ?? '', /not understood/)
    })

  test('rows in hexadecimal digits that are in base64 or in comments, too, are found', async () => {
    const base64 = `${binlog(format())}${HEX_ROWS}${binlog(...events)}`
    for (const text of [base64, `${HEX_ROWS}${ROWS_IN_COMMENTS}${HEX_OF_MYSQL}`]) {
      const report = await scanned(`DELIMITER /*!*/;\n${text}${LAST}`)
      assert.deepEqual([report.problem, rowsOf(report)], [null, 1])
    }
  })

  test('comments of people are no rows', async () => {
    const report = await scanned(`-- MariaDB dump of a kind\n### Users ###\n########\n### SET\n#\n##\nSELECT 1;\n`)
    assert.deepEqual([report.problem, report.findings], [null, []])
  })
})

suite('a hostile binary log', () => {
  const LONG = 1_000_000
  const many = (count: number, one: Buffer) => Buffer.concat(Array(count).fill(one) as Buffer[])
  const bomb = Buffer.concat([
    rows([SESSION], V1).subarray(0, 10),
    rows([Array(90).fill(null) as null[]], { ...V1, isCompressed: true }).subarray(10),
  ])
  const FILES: Readonly<Record<string, Buffer | string>> = {
    'tables without end': log(many(20_000, event(TABLE_MAP, tableMap('s', SESSION)))),
    'many tables': log(...Array.from({ length: 20_000 }, (_, id) => event(TABLE_MAP, tableMap('s', SESSION, id)))),
    'small events': log(many(100_000, event(16, Buffer.alloc(8)))),
    'a table with many columns': log(
      event(TABLE_MAP, tableMap('s', Array(4000).fill(null) as null[])),
      many(50, event(INSERT, rows([Array(4000).fill(null) as null[]], V1))),
    ),
    'rows of nothing': log(
      event(TABLE_MAP, tableMap('s', [null])),
      event(INSERT, Buffer.concat([rows([[null]], V1), Buffer.alloc(LONG, 0xff)])),
    ),
    'rows that expand': log(
      event(TABLE_MAP, tableMap('s', Array(90).fill(null) as null[])),
      many(200, event(166, bomb)),
    ),
    'statements without an end': log(many(20_000, event(2, query("SELECT 'a")))),
    'lines of columns': `### INSERT INTO \`a\`.\`b\`\n${"###   @1='a'\n".repeat(LONG / 20)}`,
    'quotes in a line': `### INSERT INTO \`a\`.\`b\`\n###   @1=${`'`.repeat(LONG)}`,
    'backslashes in a line': `### INSERT INTO \`a\`.\`b\`\n###   @1='${'\\x0'.repeat(LONG)}`,
    'signs of comments': '#'.repeat(LONG),
    'lines with signs': '###\n'.repeat(LONG / 4),
    'base64 without an end': `BINLOG '${'A'.repeat(LONG)}`,
    'statements of base64': "BINLOG 'AAAA';\n".repeat(LONG / 20),
  }

  test('is read in a time that is proportional to its size', () => {
    const files = Object.entries(FILES).map(([name, bytes]) => {
      const file = name.replaceAll(' ', '-')
      writeFileSync(project.path(file), typeof bytes === 'string' ? `DELIMITER /*!*/;\n${bytes}` : bytes)
      return file
    })
    const { signal, status, stderr } = spawnSync(process.execPath, [main, 'scan', ...files], {
      cwd: project.dir,
      timeout: 100_000,
      encoding: 'utf8',
    })
    assert.deepEqual([signal, status], [null, 5], stderr)
  })

  // Each has 256 MB in one piece. On a busy machine, up to 100 MB of garbage pile up.
  const LEAST_HELD = 180

  test('takes no more memory for a table that claims to be large', () => {
    const table = tableMap('s', ['a'])
    // The length of what describes the columns, and an event as long as that.
    const length = Buffer.from([254, 0, 0, 0, 8, 0, 0, 0, 0])
    const claim = Buffer.concat([table.subarray(0, table.length - 4), length, Buffer.alloc(1 << 28)])
    const events = event(TABLE_MAP, claim)
    assert.ok(memoryOf(project.path('memory'), log(events)) < LEAST_HELD)
  })

  test('takes no more memory for a large row', () => {
    const cells = (size: number) => [
      KEY,
      {
        type: 252,
        meta: Buffer.from([4]),
        value: Buffer.concat([Buffer.from(Uint32Array.of(size).buffer), Buffer.alloc(size, 'x')]),
      },
    ]
    const row = cells(1 << 28)
    assert.ok(memoryOf(project.path('memory'), log(...written('t', row, INSERT, rows([row], V1)))) < LEAST_HELD)
  })
})
