import { type Mutation, on } from './mutation.ts'

const lab = (test: string, file: string) => on(`test/${test}.test.ts`, `packages/cli/src/${file}.ts`)
const run = lab('lab/run', 'lab/run')
const command = lab('cli/lab', 'commands/lab')
const storage = (file: string) => lab('lab/storage-weak', `lab/${file}`)
const tables = on('test/lab/tables.test.ts', 'scripts/lab/tables.ts')
const missed = (file: string) => lab('lab/storage-missed', `lab/${file}`)

/** Mistakes of a lab that would call something held which is not, or say nothing about it. */
export const labMutations: readonly Mutation[] = [
  run(
    'an attack that is held because its application was gone',
    "if (!attack.violent && !(await until(stop.signal, works(site)))) throw new Error('The application went away.')",
    '',
  ),
  lab('lab/run', 'lab/serve')(
    'an application that fails to start, taken for one that is missing',
    "else say({ is: 'failed', message:",
    "else say({ is: 'notRun', message:",
  ),
  run('a second look that nobody takes', '    }\n    await this.#lookAgain()\n', '    }\n'),
  run(
    'a second look after old rows were put back',
    'if (!attack.harmless || attack.turnsClocks) await this.#lookAgain()',
    '',
  ),
  lab('lab/controls', 'lab/people')(
    'what may come back, ended before the second look',
    'if (!later) await people.leave()',
    'await people.leave()',
  ),
  lab('lab/controls', 'lab/attacks/replay')(
    'a logout that is undone later, and does not count',
    'return again > 0',
    'return again > 1000',
  ),
  run('a site that is used after a violent attack', "if (verdict !== 'not applicable') await this.#discard()", ''),
  run('an attack that hangs for ever', 'timer = setTimeout(late, this.#limit)', ''),
  run(
    'an interruption that the attack which runs does not notice',
    "signal?.addEventListener('abort', abort, { once: true })",
    '',
  ),
  lab('lab/run', 'lab/finding')(
    'a verdict without evidence',
    'if (evidence.length === 0) throw',
    'if (evidence.length < 0) throw',
  ),
  lab('cli/lab', 'lab/matrix')(
    'what nobody promised, counted as a broken promise',
    "verdict === 'broken' && promised",
    "verdict === 'broken'",
  ),
  lab('lab/own', 'lab/own')(
    'an application on sessions in use that serves everybody on this machine',
    'if (!isEqual(request.headers[KEY], key))',
    'if (!isEqual(key, key))',
  ),
  lab('lab/own', 'lab/routes')(
    'an application of the lab that serves sessions which it has not made',
    'exists && !session.userId?.startsWith(mark) && session.get(MARK) !== mark',
    'exists && session.userId !== null && !session.userId.startsWith(mark)',
  ),
  lab('lab/own', 'lab/routes')(
    'the cookie of somebody else that comes in beside one of the lab',
    "[cookie, ...cookie.split(';')]",
    '[cookie]',
  ),
  lab('lab/own', 'lab/attacks/cookie-attributes')(
    'a cookie that every site may send along, called private because it is Secure',
    "|| sameSite === 'none',",
    "|| (sameSite === 'none' && !secure),",
  ),
  storage('attacks/memory-after-end')(
    'a heap without anything of a living session, in which nothing is left',
    'if (before === 0 && !site.shared)',
    'if (before === -1 && !site.shared)',
  ),
  storage('attacks/memory-after-end')(
    'a heap that never had anything of a session, and is held to have forgotten it',
    'if (before === 0)\n',
    'if (before === -1)\n',
  ),
  command('a broken promise that ends with code 0', 'if (broken.length > 0)', 'if (broken.length > 1000)'),
  command(
    'a store that promises nothing, of which nobody is told',
    "cell.verdict === 'broken' && !cell.promised",
    "cell.verdict === 'broken' && cell.promised",
  ),
  command(
    'what a store lacks, of which nobody is told',
    "cell.verdict === 'not applicable' && cell.promised",
    "cell.verdict === 'not applicable' && !cell.promised",
  ),
  command(
    'attacks that broke off, and a run that ends with code 0',
    'cell.failed && cell.promised',
    'cell.failed && !cell.promised',
  ),
  command('an engine that was named and not run, and code 0', 'if (idle.length > 0)', 'if (idle.length > 1000)'),
  missed('attacks/read-files')(
    'a backup of something else that is searched for the note',
    'if (taken !== null && (bytesOf(files) === 0 ||',
    'if (taken === undefined && (bytesOf(files) === 0 ||',
  ),
  missed('attacks/rows')('rows that were never exchanged', 'if (without === tried)', 'if (without > tried)'),
  storage('thief')('secrets with which nobody makes a cookie', "session.login('admin')", ''),
  storage('thief')(
    'a thief who does not try the key of the server',
    "recipe('strongroom server record', [18, 22]",
    "recipe('strongroom server record', [98, 99]",
  ),
  storage('stores/columns')(
    'changes of a row that never reach the table',
    'if (row.data) columns[data] = Buffer.from(row.data)',
    '',
  ),
  storage('attacks/kill')(
    'lost writes that are not counted',
    'if (lost > 0) return broken',
    'if (lost > 1000) return broken',
  ),
  storage('attacks/cache')(
    'an ended session that comes back, and does not count',
    'if (revived.back > 0)',
    'if (revived.back > 1000)',
  ),
  storage('attacks/abandoned')(
    'what abandoned sessions leave in the heap, which does not count',
    'if (leftInHeap) return',
    'if (leftInHeap && used > 0) return',
  ),
  storage('attacks/abandoned')(
    'a snapshot of another process, in which nothing is left',
    'if (inHeap === 0)',
    'if (inHeap === -1)',
  ),
  storage('attacks/abandoned')(
    'a heap that is searched for sessions which are in a file, too',
    'if (site.shared) return null',
    'if (site.shared && site.storage.rows === null) return null',
  ),
  storage('attacks/clocks-apart')(
    'a sweep that removes the living, and breaks nothing',
    'early > 0 || !sweep.stays',
    'early > 0',
  ),
  storage('attacks/clocks-apart')(
    'a sweep that removes nothing, and is held to leave what it must',
    'left.length === expired.length',
    'left.length > expired.length',
  ),
  storage('attacks/clocks-apart')(
    'an ended session whose cookie is refused for its age',
    '.user !== other)',
    ".user === 'nobody')",
  ),
  lab('lab/leftovers', 'lab/leftovers')(
    'a folder that is removed although its process runs',
    'beganAt(pid) !== began',
    'beganAt(pid) !== null',
  ),
  lab('lab/leftovers', 'lab/leftovers')(
    'a folder that stays because another process has the id of its own',
    'beganAt(pid) !== began',
    'beganAt(pid) === null',
  ),
  lab('lab/leftovers', 'lab/leftovers')(
    'a folder of another container, whose process is not seen from here',
    'where === here() && ',
    '',
  ),
  lab('lab/leftovers', 'lab/leftovers')(
    'a folder of another user that is removed',
    '|| found.uid !== process.getuid?.()',
    '',
  ),
  command('folders of a run that was killed, which stay', 'removeLeftovers()\n', '\n'),
  lab('cli/lab', 'lab/folder')(
    'a folder that stays when its process ends',
    "process.once('exit', () => {",
    "process.once('newListener', () => {",
  ),
  lab('cli/signals', 'signals')(
    'a shell that cuts short what a closed terminal has asked for',
    "process.on('SIGHUP'",
    "process.once('SIGHUP'",
  ),
  storage('attacks/memory-after-end')('a note in the memory that does not count', 'if (after > 0)', 'if (after > 1e9)'),
  storage('attacks/rows')(
    'altered data that counts as without effect',
    'else if (isTheirs) tally.unchanged++',
    'else if (tally.tried > 0) tally.unchanged++',
  ),
  lab('lab/search', 'lab/search')(
    'base64 that is found at one of three places',
    '...[0, 1, 2].flatMap((before)',
    '...[0].flatMap((before)',
  ),
  lab('lab/search', 'lab/search')(
    'what is compressed, which is not searched',
    'direct.length > 0 ? direct :',
    'direct.length >= 0 ? direct :',
  ),
  lab('lab/search', 'lab/search')(
    'what is compressed and encoded as text, which is not searched',
    "decode: textIn(/^[\\w+/-]+/, 'base64')",
    'decode: (from: Buffer) => from',
  ),
  lab('lab/search', 'lab/search')(
    'streams without a header, which are taken for noise',
    '[inflateRawSync, brotliDecompressSync]',
    '[inflateRawSync, brotliDecompressSync].slice(2)',
  ),
  tables(
    'an engine that counts as held because one attack of several failed',
    "[MARKS['not applicable'], MARKS.held, MARKS['not run'], MARKS.broken, ALARM]",
    "[MARKS['not applicable'], MARKS['not run'], MARKS.broken, ALARM, MARKS.held]",
  ),
  tables(
    'sessions in cookies that count for a seal',
    "engine !== 'cookie' && seal === 'two-key'",
    "engine === 'cookie' || seal === 'two-key'",
  ),
  tables(
    'engines whose weakness is counted, and which nobody names',
    'mark !== MARKS.held && some.length < marked.length',
    'mark !== MARKS.held && some.length > marked.length',
  ),
  tables('a letter that stands for two attacks', 'letterAt(letters.size)', 'letterAt(0)'),
  tables(
    'a table in which a broken promise looks like any other',
    "verdict === 'broken' && promised ? ALARM :",
    "verdict === 'broken' && !promised ? ALARM :",
  ),
]
