// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources
import { type Mutation, on } from './mutation.ts'

const proved = (test: string, file: string) => on(`test/asvs/${test}.test.ts`, `packages/strongroom/src/${file}.ts`)
const rules = (file: string) => on('test/asvs/rows.test.ts', file)

/** Mistakes that break a row of ASVS, of OWASP's cheat sheet or of NIST, and mistakes in what writes the checklist. */
export const checklistMutations: readonly Mutation[] = [
  proved('web', 'http/cookie')('ASVS 3.3.3: a cookie that hosts share', "name = '__Host-id'", "name = '__Secure-id'"),
  proved('nist', 'http/cookie')(
    'NIST 5.1.1 (6): a cookie that every site may send along',
    "secure = true, sameSite = 'lax'",
    "secure = true, sameSite = 'none'",
  ),
  proved('cookies', 'http/cookie')(
    'RFC 6265bis: a path that browsers ignore',
    '!/^\\/[ -:=-~]{0,1023}$/.test(path)',
    '!/^\\/[ -:=-~]*$/.test(path)',
  ),
  proved('tokens', 'http/signed-cookies')(
    'ASVS 9.2.1: a signed cookie that is accepted after its time',
    '(deadline !== 0 && now >= deadline) ||',
    '(deadline !== 0 && now >= deadline * 2) ||',
  ),
  proved('tokens', 'crypto/signed-value')(
    'ASVS 9.2.2: a signed cookie that is accepted with another salt',
    'JSON.stringify([name, salt])',
    "JSON.stringify([name, ''])",
  ),
  proved('crypto', 'crypto/keyring')(
    'ASVS 11.2.3: a secret of 248 bits',
    'if (bytes.length < 32)',
    'if (bytes.length < 31)',
  ),
  proved('logs', 'errors')(
    'ASVS 16.5.1: a message for developers that visitors read in production',
    "if (this.status < 500 || process.env.NODE_ENV !== 'production') return this.message",
    'if (this.status > 0) return this.message',
  ),
  proved('data', 'adapters/shared/outcome')(
    'ASVS 14.2.2: a page with a cookie that a cache may share, because its handler said so',
    "if (!/\\bno-store\\b/i.test(headers.get('cache-control') ?? ''))",
    "if (!headers.get('cache-control'))",
  ),
  proved('sessions', 'session/lifetime')(
    'ASVS 7.3.2: a session that use keeps alive for ever',
    'idle === 0 ? deadline : Math.min(now + idle, deadline)',
    'idle === 0 ? deadline : Math.max(now + idle, deadline)',
  ),
  rules('scripts/asvs.ts')(
    'the checklist: a row whose test was skipped, and that counts as proved',
    "type === 'test:pass' && !data.skip && !data.todo",
    "type === 'test:pass'",
  ),
  rules('scripts/asvs.ts')(
    'the checklist: a page that is written although a row was not proved',
    'if (open.length > 0 || failed.length > 0) process.exitCode = 1\nelse {',
    'if (open.length > 0 || failed.length > 0) process.exitCode = 1\n{',
  ),
  rules('scripts/asvs.ts')(
    'the checklist: a test of no row that fails, and nobody sees it',
    "if (type === 'test:fail') failed.push(data.name)",
    '',
  ),
  rules('scripts/asvs/page.ts')(
    'the checklist: a count that is under another head',
    "${WHO.join(' | ')} |`",
    "${[...WHO].reverse().join(' | ')} |`",
  ),
  rules('scripts/asvs/page.ts')(
    'the checklist: a row that is not ours, among those that are held',
    "filter(([, { who }]) => who === 'held' || who === 'offered')",
    'filter(([, { who }]) => who !== null)',
  ),
]
