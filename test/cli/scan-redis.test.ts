import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { DJANGO } from './planted.ts'
import { Project } from './project.ts'
import { scannerIn } from './scanned.ts'

const project = new Project()
after(() => project.remove())

const scanned = scannerIn(project)

const [KEY, DATA] = DJANGO[0] as readonly [string, string]

const bytes = (...values: number[]) => Buffer.from(values)
const zeros = (count: number) => Buffer.alloc(count)
const string = (text: string) => Buffer.concat([bytes(0x40 | (text.length >> 8), text.length & 255), Buffer.from(text)])
const all = (...parts: Buffer[]) => Buffer.concat(parts)
/** A value of this type under a key. */
const value = (type: number, ...parts: Buffer[]) => all(bytes(type), string('a key'), ...parts)
const long = (length: number, size: 4 | 8) => {
  const field = Buffer.alloc(size)
  field.writeUInt32BE(length, size - 4)
  return all(bytes(size === 4 ? 0x80 : 0x81), field)
}
const SESSION = all(bytes(0), string(KEY), string(DATA))
/** The zeros are the checksum of a server that was told to compute none. */
const dump = (...parts: Buffer[]) => all(Buffer.from('REDIS0012'), ...parts, bytes(0xff), zeros(8))

/** A group that has read entries, and its consumer, who has acknowledged none. */
const group = (isFirst: boolean, isThird: boolean) =>
  all(
    ...[string('group'), ...Array(isFirst ? 2 : 3).fill(bytes(7)), bytes(1), zeros(24), bytes(1)],
    ...[bytes(1), string('consumer'), zeros(isThird ? 16 : 8), bytes(2), zeros(32)],
  )
const stream = (type: number, fields: number) =>
  value(
    ...[type, bytes(1), string('id'), string('a list of entries')],
    ...[all(...Array(fields).fill(bytes(5))), bytes(1), group(type === 15, type === 21)],
  )

suite('a session in a dump of Redis is found behind every kind of entry', () => {
  const ENTRIES: Readonly<Record<string, Buffer>> = {
    'information on a slot': bytes(0xf4, 1, 2, 3),
    'a function': all(bytes(0xf5), string('#!lua')),
    'how long a key was idle': bytes(0xf8, 0x40, 200),
    'how often a key was used': bytes(0xf9, 200),
    'a fact about the server': all(bytes(0xfa), string('redis-ver'), bytes(0xc0, 7)),
    'the number of keys': all(bytes(0xfb), long(70_000, 4), bytes(3)),
    'a moment in milliseconds': all(bytes(0xfc), zeros(8)),
    'a moment in seconds': all(bytes(0xfd), zeros(4)),
    'the number of a database': bytes(0xfe, 15),
    'a string with a length of four bytes': all(bytes(0), string('k'), long(3, 4), Buffer.from('abc')),
    'a string with a length of eight bytes': all(bytes(0), string('k'), long(3, 8), Buffer.from('abc')),
    'numbers of one, two and four bytes': all(
      ...[bytes(0xc0, 1), bytes(0xc1, 1, 2), bytes(0xc2, 1, 2, 3, 4)].map((number) => value(0, number)),
    ),
    'a compressed string': value(0, bytes(0xc3, 5, 9, 0, 0x61, 0xe0, 0, 0)),
    'a list': value(1, bytes(2), string('a'), string('b')),
    'a set': value(2, bytes(2), string('a'), string('b')),
    'a list of nodes': value(14, bytes(2), string('a'), string('b')),
    'a hash': value(4, bytes(1), string('a'), string('b')),
    'scores as text': value(
      3,
      bytes(4),
      ...[bytes(3, 0x31, 0x2e, 0x35), ...[253, 254, 255].map((score) => bytes(score))].flatMap((score) => [
        string('a'),
        score,
      ]),
    ),
    'scores as numbers': value(5, bytes(2), string('a'), zeros(8), string('b'), zeros(8)),
    ...Object.fromEntries([9, 10, 11, 12, 13, 16, 17, 20].map((type) => [`type ${type}`, value(type, string('x'))])),
    'a list of nodes of two kinds': value(18, bytes(2, 1), string('a'), bytes(2), string('b')),
    'a hash whose fields expire': value(24, zeros(8), bytes(1, 5), string('a'), string('b')),
    'a short hash whose fields expire': value(25, zeros(8), string('x')),
    'a stream': stream(15, 3),
    'a stream of Redis 7.0': stream(19, 8),
    'a stream of Redis 7.2': stream(21, 8),
  }
  for (const [what, entry] of Object.entries(ENTRIES))
    test(what, async () => {
      const { problem, findings } = await scanned(dump(entry, SESSION, entry))
      assert.deepEqual([problem, findings], [null, [{ table: null, kind: 'django', rows: 1, readable: 'yes' }]])
    })

  for (const [what, entry] of [
    ['data of a module', all(bytes(0xf7, 1), zeros(8))],
    ['a value of a module', value(7, zeros(8))],
    ['a value of a type that is newer', value(99, zeros(8))],
    ['an entry of an unknown kind', bytes(0xf6)],
  ] as const)
    test(`${what} is reported, and what comes before it is counted`, async () => {
      const { problem, findings } = await scanned(dump(SESSION, entry))
      assert.match(problem ?? '', /is not read here/)
      assert.equal(findings[0]?.rows, 1)
    })
})
