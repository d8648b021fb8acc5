import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { after, suite, test } from 'node:test'
import { DJANGO } from './planted.ts'
import { main, Project } from './project.ts'
import { rowsOf, scannerIn } from './scanned.ts'

const project = new Project()
after(() => project.remove())

const scanned = scannerIn(project)

const [KEY, DATA] = DJANGO[0] as readonly [string, string]
const ID = 'ab'.repeat(32)
const RECORD = `11${'a5'.repeat(80)}`
const TIMES = '7,1795600000000,1795600200000,1795590000000,NULL,NULL'
const MYSQL = '-- MariaDB dump\n'

suite('every way to write a row', () => {
  const ROWS: Readonly<Record<string, string>> = {
    'a comment that begins with #': `# a comment; it's here\nINSERT INTO django_session VALUES ('${KEY}','${DATA}','x');`,
    LOW_PRIORITY: `INSERT LOW_PRIORITY INTO django_session VALUES ('${KEY}','${DATA}','x');`,
    'HIGH_PRIORITY IGNORE': `INSERT HIGH_PRIORITY IGNORE INTO django_session VALUES ('${KEY}','${DATA}','x');`,
    DELAYED: `INSERT DELAYED INTO django_session VALUES ('${KEY}','${DATA}','x');`,
    'REPLACE DELAYED': `REPLACE DELAYED INTO django_session VALUES ('${KEY}','${DATA}','x');`,
    'no INTO': `INSERT django_session VALUES ('${KEY}','${DATA}','x');`,
    'no INTO, no space before VALUES': `REPLACE \`django_session\`(session_key,session_data)VALUES('${KEY}','${DATA}');`,
    VALUE: `INSERT INTO django_session VALUE ('${KEY}','${DATA}','x');`,
    'VALUES ROW': `INSERT INTO django_session VALUES ROW('${KEY}','${DATA}','x');`,
    SET: `INSERT INTO django_session SET session_key = '${KEY}', session_data='${DATA}', expire_date = NOW();`,
    'SET in a table of another name': `INSERT INTO s SET k = '${KEY}', d='${DATA}';`,
    PARTITION: `INSERT INTO django_session PARTITION (p0, p1) (session_key, session_data) VALUES ('${KEY}','${DATA}');`,
    'a version comment': `/*!40000 INSERT INTO django_session VALUES ('${KEY}','${DATA}','x') */;`,
    'part of a version comment': `INSERT /*!50000 DELAYED */ INTO django_session VALUES ('${KEY}','${DATA}','x');`,
    'ON DUPLICATE KEY': `INSERT INTO django_session VALUES ('${KEY}','${DATA}','x') ON DUPLICATE KEY UPDATE session_data=VALUES(session_data);`,
    'the name of a database': `INSERT INTO \`shop\`.\`django_session\` VALUES ('${KEY}','${DATA}','x');`,
    'x and hexadecimal digits': `INSERT INTO s VALUES (x'${ID}',x'${RECORD}',${TIMES});`,
    '0x': `INSERT INTO s VALUES (0x${ID},0x${RECORD},${TIMES});`,
    'an introducer': `INSERT INTO s VALUES (_binary 0x${ID},_binary 0x${RECORD},${TIMES});`,
    UNHEX: `INSERT INTO s VALUES (UNHEX('${ID}'),UNHEX('${RECORD}'),${TIMES});`,
    'a conversion': `INSERT INTO s VALUES (CONVERT(0x${ID} USING binary),CAST(0x${RECORD} AS BINARY),${TIMES});`,
    'parameters of a procedure': `INSERT INTO s VALUES (NAME_CONST('k',_latin1'${KEY}' COLLATE 'latin1_swedish_ci'), NAME_CONST('d',_latin1'${DATA}' COLLATE 'utf8mb4_uca1400_ai_ci'));`,
    'parameters of a procedure, in bytes': `INSERT INTO s VALUES (NAME_CONST('i',_binary'${ID}'), UNHEX(NAME_CONST('a_name_of_a_parameter', '${RECORD}')),NAME_CONST('e',7),1795600000000,NAME_CONST('p',1795600200000),1795590000000,NAME_CONST('o',NULL),NULL);`,
    FROM_BASE64: `INSERT INTO s VALUES (0x${ID},FROM_BASE64('${Buffer.from(RECORD, 'hex').toString('base64')}'),${TIMES});`,
    DELIMITER: `DELIMITER ;;\nCREATE PROCEDURE p() BEGIN SELECT 1; END;;\nINSERT INTO django_session VALUES ('${KEY}','${DATA}','x');;\nDELIMITER ;\n`,
  }
  for (const [what, sql] of Object.entries(ROWS))
    test(`a row with ${what} is found`, async () => {
      const report = await scanned(`${MYSQL}${sql}\n`)
      assert.deepEqual([report.problem, rowsOf(report)], [null, 1])
    })

  const OF_POSTGRES: Readonly<Record<string, string>> = {
    "decode() of 'hex'": `INSERT INTO s VALUES (decode('${ID}','hex'),decode('${RECORD}', 'hex'),${TIMES});`,
    "decode() of 'base64'": `INSERT INTO s VALUES ('${ID}',pg_catalog.decode('${Buffer.from(RECORD, 'hex').toString('base64')}', 'base64'),${TIMES});`,
    'a cast': `INSERT INTO s VALUES ('\\x${ID}'::bytea,'\\x${RECORD}'::bytea,${TIMES});`,
    'an E string': `INSERT INTO s VALUES (E'\\\\x${ID}',E'\\\\x${RECORD}',${TIMES});`,
    'OVERRIDING SYSTEM VALUE': `INSERT INTO public.s (a,b,c,d,e,f,g,h) OVERRIDING SYSTEM VALUE VALUES ('\\x${ID}','\\x${RECORD}',${TIMES});`,
    'a rule before it': `CREATE RULE r AS ON INSERT TO a DO INSTEAD (SELECT 1; SELECT 2);\nINSERT INTO django_session VALUES ('${KEY}','${DATA}','x') ON CONFLICT DO NOTHING;`,
    'a function whose tag comes after another dollar sign': `CREATE FUNCTION f() RETURNS text AS $a$ select '$$a$;\nINSERT INTO django_session VALUES ('${KEY}','${DATA}','x');`,
  }
  for (const [what, sql] of Object.entries(OF_POSTGRES))
    test(`a row with ${what} is found`, async () => {
      const report = await scanned(`-- PostgreSQL database dump of a kind\n${sql}\n`)
      assert.deepEqual([report.problem, rowsOf(report)], [null, 1])
    })

  for (const value of ['= off', 'TO off'])
    test(`standard_conforming_strings ${value} makes a backslash an escape`, async () => {
      const report = await scanned(
        `-- PostgreSQL database x\nSET standard_conforming_strings ${value};\nINSERT INTO people VALUES ('it\\'s'),('a');\nINSERT INTO s VALUES ('${KEY}','${DATA}');\n`,
      )
      assert.deepEqual([report.problem, rowsOf(report)], [null, 1])
    })

  test('a backslash before a quote, without a header that names the program, is an escape where nothing else is SQL', async () => {
    const report = await scanned(
      `INSERT INTO t VALUES (1,'it\\'s; here');\nINSERT INTO s VALUES ('${KEY}','${DATA}');\n`,
    )
    assert.deepEqual([report.problem, rowsOf(report)], [null, 1])
  })

  test('a backslash before a quote that can be read in two ways is reported', async () => {
    const report = await scanned(`INSERT INTO t VALUES (1,'C:\\', 'x');\nINSERT INTO s VALUES ('${KEY}','${DATA}');\n`)
    assert.match(report.problem ?? '', /not understood/)
  })
})

suite('what is not understood is reported, and nothing else is', () => {
  const LOST: Readonly<Record<string, string>> = {
    'INSERT … SELECT into a session table': `INSERT INTO django_session SELECT '${KEY}','${DATA}','x';`,
    'REPLACE … SELECT into a session table': 'REPLACE INTO django_session SELECT a, b, c FROM old;',
    'a SELECT in parentheses into a session table': 'INSERT INTO django_session (a, b) (SELECT a, b FROM c);',
    UPDATE: `UPDATE django_session SET session_data = '${DATA}' WHERE session_key = '${KEY}';`,
    'row events of a binary log': "BINLOG '\nAAAA\n'/*!*/;",
    'a prepared statement': `PREPARE s FROM 'INSERT'; EXECUTE django_session;`,
    'COPY in another format': `COPY django_session FROM stdin WITH (FORMAT csv);\n${KEY},${DATA},x\n\\.\n`,
    'a statement that is no SQL': `INSRT INTO django_session VALUES ('${KEY}','${DATA}','x');`,
    'a row with too few values': `CREATE TABLE django_session (session_key text, session_data text, expire_date text);\nINSERT INTO django_session VALUES ('${KEY}');`,
    'a string that has lost its beginning': `INSERT INTO people VALUES (1,x','y');\nINSERT INTO t VALUES ('${KEY}','${DATA}');`,
    'two strings that have lost one end each': `INSERT INTO people VALUES (1,a','b');\nINSERT INTO t VALUES ('${KEY}','${DATA}');\nINSERT INTO people VALUES (2,'c',d');`,
    'sessions in a string outside of a row': `SELECT 'a;\nINSERT INTO s VALUES (1,'',''${KEY}'',''${DATA}'');\n';`,
    'sessions in a comment': `/* INSERT INTO django_session VALUES ('${KEY}','${DATA}','x'); */ SELECT 1;`,
    'a key and data behind other strings': `INSERT INTO s VALUES (CONCAT('','${KEY}'),CONCAT('','${DATA}'));`,
    'data in two strings': `INSERT INTO s VALUES ('${KEY}','${DATA.slice(0, -20)}'||'${DATA.slice(-20)}');`,
    'data in two strings, in SET': `INSERT INTO s SET d = CONCAT('${DATA.slice(0, -20)}','${DATA.slice(-20)}'), k = '${KEY}';`,
    'data in many strings': `INSERT INTO s VALUES ('${KEY}',CONCAT('${DATA.match(/.{1,9}/g)?.join("','")}'));`,
    'data in a name': `INSERT INTO s VALUES ('${KEY}',NAME_CONST('${DATA}',1));`,
    'a row that is not sealed, behind other strings': `INSERT INTO s VALUES (CONCAT('','${ID}'),CONCAT('','{"c":1795600000000}'),7,1);`,
    'hexadecimal digits beside others': `INSERT INTO s VALUES (COALESCE(0x${ID},0x${RECORD}),CONCAT(0x${ID},''),IF(0x${ID},LEFT(1,2),3));`,
    'a zero': `INSERT INTO t VALUES ('a\0b');`,
    'no end': `SELECT 1`,
  }
  for (const [what, sql] of Object.entries(LOST))
    test(`${what}: the file was not read whole`, async () => {
      assert.notEqual((await scanned(`${MYSQL}${sql}\n`)).problem, null)
    })

  test('a string that has lost its beginning is not taken for one of several in a value', async () => {
    const { problem } = await scanned(`${MYSQL}${LOST['two strings that have lost one end each']}\n`)
    assert.match(problem ?? '', /with values that cannot be read/)
  })

  const FINE = [
    'INSERT INTO customer_orders_archive_2024_2025 SELECT * FROM x;',
    'INSERT INTO t DEFAULT VALUES;',
    'INSERT INTO t (SELECT a FROM b); INSERT INTO t (a, b) (SELECT a, b FROM c);',
    'INSERT INTO t () VALUES ();',
    'CREATE TABLE a PARTITION OF b FOR VALUES FROM (1) TO (2);',
    'CREATE TABLE a OF a_type;',
    'CREATE TABLE a AS SELECT * FROM django_session;',
    'CREATE TABLE a LIKE django_session;',
    'LOCK TABLES `django_session` WRITE;',
    '/*!40000 ALTER TABLE `django_session` DISABLE KEYS */;',
    'DROP TABLE IF EXISTS strongroom_sessions; TRUNCATE django_session; DELETE FROM django_session;',
    "SELECT pg_catalog.setval('public.django_session_id_seq', 1, false);",
    'UPDATE people SET a = 1;',
    'CREATE RULE r AS ON INSERT TO a DO ALSO (DELETE FROM b; INSERT INTO django_session VALUES (new.k, new.d, now()));',
    'CREATE RULE r AS ON DELETE TO a DO INSTEAD (NOTIFY a; UPDATE django_session SET session_data = 1);',
    "INSERT INTO t VALUES (CONCAT('a value of some length', ', ', 'and'), 'a' COLLATE 'utf8mb4_uca1400_ai_ci', 1.123456789012345678901234567890);",
    "INSERT INTO t VALUES (-1.5e3, NOW() + INTERVAL 1 DAY, 'a' COLLATE utf8mb4_bin, _utf8mb4'x', CAST('1' AS CHAR), b'01', NULL);",
    'DELIMITER ;;\nCREATE PROCEDURE p() BEGIN IF 1 THEN SELECT 1; ELSE SELECT 2; END IF; RETURN; END;;\nDELIMITER ;\nSELECT 1;',
    'DELIMITER $$\nCREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN SET NEW.a = 1; IF 1 THEN SET NEW.b = 2; ELSE SET NEW.b = 3; END IF; END$$\nDELIMITER ;',
    'CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET c = 1; DELETE FROM d; END;',
    'CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END;',
    "COPY a FROM '/tmp/x';",
    'COPY (SELECT 1) TO stdout;',
    `INSERT INTO people VALUES ('INSERT INTO django_session VALUES (''${KEY}'',''${DATA}'')');`,
    '\\restrict abc\n\\connect shop\nSELECT 1;\n\\unrestrict abc',
  ]
  for (const sql of FINE)
    test(`${JSON.stringify(sql.slice(0, 70))} is read whole, without sessions`, async () => {
      const report = await scanned(`-- SQL\n${sql}\n`)
      assert.deepEqual([report.problem, rowsOf(report)], [null, 0])
    })

  test('COPY to a session table whose name the dump does not qualify is a row', async () => {
    const report = await scanned(`COPY s (k, d) FROM stdin;\n${KEY}\t${DATA}\n\\.\n`)
    assert.deepEqual([report.problem, rowsOf(report)], [null, 1])
  })
})

suite('an entry that the library keeps beside the sessions', () => {
  const entry = (payload: string) =>
    `${MYSQL}INSERT INTO strongroom_sessions VALUES (0x${ID},NULL,'\x01',${payload},${TIMES});`
  const register = (keys: number) => `[[${'1,'.repeat(keys)}1]]`

  for (const [form, write] of [
    ['text', (text: string) => `'${text}'`],
    ['hexadecimal digits', (text: string) => `0x${Buffer.from(text).toString('hex')}`],
  ] as const)
    test(`is no session, in ${form}, unless it is too long to be seen whole`, async () => {
      assert.deepEqual(
        (await scanned(entry(write(register(100))))).findings.map(({ kind }) => kind),
        [],
      )
      assert.deepEqual(
        (await scanned(entry(write(register(1000))))).findings.map(({ kind }) => kind),
        ['unknown'],
      )
    })
})

suite('the time is proportional to the input', () => {
  const LONG = 400_000
  /** A megabyte or two of each: what takes quadratic time, or worse, does not end within the limit. */
  const HOSTILE: Readonly<Record<string, string>> = {
    'a long name that nothing follows': `INSERT INTO ${'a'.repeat(LONG)} select`,
    'the procedure that took for ever': `${'insert into customer_orders_archive_2024_2025 select 1;\n'.repeat(9000)}`,
    'names with dots': `INSERT INTO ${'a.'.repeat(LONG)} !`,
    'quoted names': `INSERT INTO ${'"a"'.repeat(LONG)} !`,
    'open quotes': `INSERT INTO t VALUES (${`'`.repeat(LONG)}`,
    'doubled quotes': `SELECT '${`''`.repeat(LONG)}`,
    backslashes: `INSERT INTO t VALUES ('${'\\'.repeat(LONG)}`,
    parentheses: `INSERT INTO t VALUES (${'('.repeat(LONG)}`,
    'closing parentheses': `INSERT INTO t VALUES (${')'.repeat(LONG)}`,
    commas: `INSERT INTO t VALUES (${','.repeat(LONG)});`,
    'rows without values': `INSERT INTO t VALUES ${'(),'.repeat(LONG)}`,
    columns: `INSERT INTO t (${'a,'.repeat(LONG)}`,
    'tables of sessions': 'CREATE TABLE django_session (session_key text, session_data text);\n'.repeat(20_000),
    'words between CREATE and TABLE': `CREATE ${'OR REPLACE '.repeat(LONG / 10)}`,
    modifiers: `INSERT ${'IGNORE '.repeat(LONG / 7)}`,
    'dollar signs': `SELECT ${'$'.repeat(LONG)}`,
    'dollar signs and letters': `SELECT $a${'$b'.repeat(LONG)}`,
    'a tag that almost ends': `SELECT $tag$${'$ta'.repeat(LONG)}`,
    comments: '/**/'.repeat(LONG),
    'open comments': '/*'.repeat(LONG),
    'version comments': '/*!1 '.repeat(LONG),
    dashes: `SELECT ${'-'.repeat(LONG)}`,
    'a delimiter that almost comes': `DELIMITER ;;;;;;;;;;;;;;;;\n${';;;;;;;;;;;;;;; '.repeat(LONG / 16)}`,
    'a delimiter of letters': `DELIMITER go\n${'go going g '.repeat(LONG / 10)}`,
    tabs: `COPY t FROM stdin;\n${'\t'.repeat(LONG)}`,
    'lines of COPY': `COPY t FROM stdin;\n${'\n'.repeat(LONG)}`,
    'hexadecimal digits': 'a'.repeat(4 * LONG),
    'ids without a record': `${'ab'.repeat(32)}!`.repeat(LONG / 40),
    moments: '1795600000000,'.repeat(LONG / 10),
    'almost signatures': ':aaaaaa'.repeat(LONG / 4),
    'base64 that almost begins as a digest': 'M'.repeat(4 * LONG),
    'names of cookies': 'sessionid='.repeat(LONG / 8),
    'keys of caches': 'django.contrib.sessions.cache'.repeat(LONG / 20),
    'lines of Redis': `*1\r\n$4\r\nPING\r\n`.repeat(LONG / 20),
    'lengths of Redis': `*9999999999\r\n${'$0\r\n\r\n'.repeat(LONG / 8)}`,
  }

  test('for every state of the reader of statements, with long names and with ends that fail', async () => {
    const files = Object.entries(HOSTILE).flatMap(([name, text]) =>
      // With a header and without one: they are read in different ways.
      ['', '-- MariaDB dump\n', '-- PostgreSQL database dump\n'].map((header, i) => {
        const file = `${name.replaceAll(' ', '-')}.${i}`
        writeFileSync(project.path(file), `${header}${text}\n`)
        return file
      }),
    )
    // Generous: it takes a few seconds. With a step for each pair of bytes it would take hours.
    const { signal, status, stderr } = spawnSync(process.execPath, [main, 'scan', ...files], {
      cwd: project.dir,
      timeout: 100_000,
      encoding: 'utf8',
    })
    assert.deepEqual([signal, status], [null, 5], stderr)
  })
})
