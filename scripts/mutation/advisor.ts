import { type Mutation, on } from './mutation.ts'

const advise = (test: string, file: string) => on(`test/advise/${test}.test.ts`, `packages/cli/src/advise/${file}.ts`)
const recommends = (file: string) => advise('recommendations', file)
const sizes = (file: string) => advise('sizing', file)

/** What must not go wrong unnoticed in the advisor: a claim that the lab does not bear out, and a size that is not computed. */
export const advisorMutations: readonly Mutation[] = [
  recommends('reasons')(
    'an engine that the lab shows as broken, and that is recommended',
    "cell.verdict === 'broken' ? [broken(cell)] : []",
    "cell.verdict === 'broken' && cell.row === null ? [broken(cell)] : []",
  ),
  recommends('advise')(
    'what a restart forgets, recommended without a word of what stands in the way of more',
    'if (!recommended.every(isForgetful)) return []',
    'if (recommended.length > 0) return []',
  ),
  recommends('advise')(
    'what the lab did not run, and that ranks as high as what held',
    '    unknown.length,\n',
    '    0,\n',
  ),
  recommends('evidence')(
    'what held for an engine over one store, and that is claimed for another',
    "if (isExact || verdict === 'broken')",
    "if (isExact || verdict !== 'not run')",
  ),
  recommends('evidence')(
    'an attack by somebody unknown, which is left out with the others',
    'attackers === null || by === null ||',
    'attackers === null ? true : by !== null &&',
  ),
  recommends('evidence')(
    'the best of several rows, instead of the worst',
    "['broken', 'not run', 'held', 'not applicable']",
    "['not applicable', 'held', 'not run', 'broken']",
  ),
  recommends('evidence')(
    'rows of another seal, which count for an engine',
    "family === 'strongroom' && seal === candidate.seal",
    "family === 'strongroom' && seal !== null",
  ),
  recommends('evidence')(
    'what breaks an engine under two keys, and is not held against it under one',
    "stronger.map(cellOf).find((each) => each?.verdict === 'broken')",
    'stronger.map(cellOf).find((each) => each === null)',
  ),
  recommends('evidence')(
    'an attack that breaks a seal in every engine that was attacked, and that others are cleared of',
    '(rows.some(({ isExact }) => isExact) ? null :',
    '(rows.length >= 0 ? null :',
  ),
  recommends('evidence')(
    'what breaks for an engine under any seal, and is held against another',
    "cellOf(row)?.verdict === 'held'),\n  )\n  return",
    'cellOf(row) !== undefined),\n  )\n  return',
  ),
  advise('contradictions', 'answers')(
    'a password with a slash in it, that is written into a config',
    '/:.*@/s.test(',
    '/^[^/]*:[^/]*@/s.test(',
  ),
  advise('contradictions', 'answers')(
    'an address that the engine refuses, in a config',
    '  } catch {\n    return false',
    '  } catch {\n    return true',
  ),
  advise('contradictions', 'answers')(
    'half a byte, which a config repeats and the library refuses',
    "['servers', 'processes', 'bytes']",
    "['servers', 'processes']",
  ),
  advise('contradictions', 'impossible')(
    'a set of answers that is called a smallest one, and is all of them',
    'for (let size = 1;',
    'for (let size = items.length;',
  ),
  advise('contradictions', 'impossible')(
    'engines under another seal than operators need, in what rules out everything',
    "names.includes('operators-read') ? weaker : usual",
    'names.length > 0 ? usual : weaker',
  ),
  advise('contradictions', 'contradictions')(
    'a session in the cookie that must last, and that nothing is said about',
    "'no-data-on-server', 'readable-cookie'] as const",
    "'no-data-on-server'] as const",
  ),
  recommends('requirements')(
    'an engine for one machine that is recommended to several servers',
    "if (servers > 1 && declared.shared !== 'network')",
    "if (servers > 2 && declared.shared === 'process')",
  ),
  recommends('requirements')('a session that is too large for its cookie', 'bytes > room', 'bytes > room * 1000'),
  recommends('candidates')(
    'operators who must read sessions, and get the seal that they cannot open',
    "answers.needs.includes('operators-read') ? 'server-key' : 'two-key'",
    "answers.needs.includes('operators-read') ? 'two-key' : 'two-key'",
  ),
  recommends('advise')(
    'an engine for which one server is not enough, in the first place',
    'sizing?.enough === false ? (sizing.spreads ? 1 : 2) : 0',
    'sizing?.enough === false ? (sizing.spreads ? 0 : 0) : 0',
  ),
  advise('contradictions', 'contradictions')(
    'a final logout with nothing that remembers it, which is no contradiction',
    "    wants('final') &&\n      isStateless &&",
    "    wants('final') &&\n      !isStateless &&",
  ),
  advise('contradictions', 'answers')(
    'a password that becomes part of a config',
    'if (hasSecret(name, url))',
    "if (hasSecret(name, '') && url)",
  ),
  sizes('measured')(
    'a figure that is no longer the recorded one',
    "postgres: sizes('postgres', [1230, 2247, 6110])",
    "postgres: sizes('postgres', [1230, 2147, 6110])",
  ),
  sizes('model')(
    'a cost that does not grow with the sessions',
    "kind === 'growth' ? few * value : value",
    "kind === 'growth' ? few : value",
  ),
  sizes('load')(
    'touches without the limit of the sessions',
    'Math.min(all - write, (alive',
    'Math.max(all - write, (alive',
  ),
  sizes('sizing')(
    'writes to the log that the sweep makes, and that are not counted',
    "if (server === 'postgres' && load.expired > 0)",
    "if (server === 'postgres' && load.expired < 0)",
  ),
  sizes('sizing')(
    'processors of a Redis that uses one',
    'Math.min(cores, THREADS[server] ?? cores)',
    'Math.max(cores, THREADS[server] ?? cores)',
  ),
  on('test/advise/recommendations.test.ts', 'packages/cli/src/advise/evidence.ts')(
    'Valkey, of which the lab knows nothing because its engine is called redis',
    "engine === store || (store === 'valkey' && engine === 'redis')",
    'engine === store',
  ),
  on('test/cli/advise.test.ts', 'packages/cli/src/commands/advise.ts')(
    'a config that is overwritten without a question',
    'if (force || !existsSync(name)) return',
    'if (force || existsSync(name)) return',
  ),
  on('test/cli/advise.test.ts', 'packages/cli/src/evidence-file.ts')(
    'half a report, which is taken for a whole one',
    '![rows, attacks, cells].every(Array.isArray)',
    '![rows, attacks, cells].some(Array.isArray)',
  ),
]
