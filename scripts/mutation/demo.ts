import { type Mutation, on } from './mutation.ts'

const attacking = (file: string) => on('test/demo/attacks.test.ts', `demo/${file}`)
const searching = (file: string) => on('test/demo/search.test.ts', `demo/${file}`)
const serving = (file: string) => on('test/demo/answers.test.ts', `demo/${file}`)

export const demoMutations: readonly Mutation[] = [
  searching('search/spellings.ts')(
    'a note with a quotation mark in a readable cookie, that is not found',
    '...[text, Buffer.from(json)].flatMap',
    '...[text].flatMap',
  ),
  attacking('attacks/browser.ts')(
    'an attack that takes an error for a failure of the attack',
    'if (reply.status < 500) return reply',
    'if (reply.status < 600) return reply',
  ),
  attacking('attacks/run.ts')(
    'an attack that fails in the middle, and leaves the store stopped',
    'const restarted = await store.start().then(() => null, notRun)',
    'const restarted = null as Finding | null',
  ),
  attacking('attacks/run.ts')(
    "an outage of the demo that is another attack's finding",
    '(this.#last.get(name) ?? Promise.resolve()).then(work)',
    'Promise.resolve().then(work)',
  ),
  attacking('attacks/run.ts')(
    'sessions that attacks of the demo leave behind',
    'await Promise.all([victim.leave(), thief.leave()])',
    '',
  ),
  attacking('attacks/bits.ts')(
    'bits that are flipped in the first byte only',
    'Math.floor((i * length) / count)',
    'Math.floor(i / (length + count))',
  ),
  attacking('targets/peer-app.ts')(
    'a comparison with express-session without the login of its README',
    'if (regenerates) await done(',
    'if (!regenerates) await done(',
  ),
  attacking('attacks/runs.ts')(
    'results of the demo that anybody sees',
    "(typeof id === 'string' && this.#runs.get(id)) || null",
    "(typeof id === 'string' && this.#runs.get(id)) || ([...this.#runs.values()][0] ?? null)",
  ),
  attacking('attacks/list.ts')(
    'an attack of the demo that never sends the copied cookie',
    'thief.copyCookies(victim)\n      await victim.post',
    "thief.note('copies the cookie of victim')\n      await victim.post",
  ),
  attacking('targets/serve.ts')(
    'applications of the demo that answer to every program of the machine',
    'if (request.headers[KEY_HEADER] === key) next()',
    'if (request.headers.host) next()',
  ),
  attacking('targets/files.ts')(
    'a folder that stays away after the demo was killed',
    'if (existsSync(away)) start()',
    'if (away === path) start()',
  ),
  attacking('views/attack.ts')(
    'code that the demo shows and does not run',
    'const text = run.toString()',
    'const text = String(run.name)',
  ),
  searching('search/spellings.ts')('base64 that is searched at one alignment', '[0, 1, 2].flatMap(', '[0].flatMap('),
  searching('search/spellings.ts')(
    'hexadecimal that is searched in lower case',
    "['in hexadecimal', hex.toUpperCase()],",
    '',
  ),
  searching('search/look.ts')(
    'a store that cannot be asked, and a note that is said not to be there',
    "if (reply.status !== 200) return { ...nothing, state: 'away', setCookie }",
    "if (reply.status !== 200) return { ...nothing, state: 'none', setCookie }",
  ),
  searching('search/look.ts')(
    'a search of the demo that leaves out the store',
    'inStore: firstOf(spellings, files),',
    'inStore: firstOf(spellings, []),',
  ),
  on('test/demo/lab.test.ts', 'demo/lab/properties.ts')(
    'a property that is kept although an attack on it was not run',
    "if (open > 0 || none) return 'not run'",
    "if (none) return 'not run'",
  ),
  serving('guard.ts')(
    'a demo that answers to a name that was rebound to it',
    "if (OWN_HOST.test(request.headers.host ?? '')) next()",
    'if (request.headers.host) next()',
  ),
  serving('pages/start.ts')('a note so short that it is found by chance', 'given.length >= LEAST_NOTE && ', ''),
  serving('pages/attacks.ts')(
    'attacks that queue without end',
    'if (runner.waiting < MOST_WAITING) return false',
    'if (runner.waiting < Number.POSITIVE_INFINITY) return false',
  ),
  serving('pages/documentation.ts')(
    'a page of the documentation that is any file',
    '/^[a-z0-9-]+\\.md$/i.test(name)',
    "name !== ''",
  ),
  on('test/demo.test.ts', 'demo/targets/peers.ts')(
    'readable sessions that stay on the disk when the demo has ended',
    'await served.close()\n      clear()',
    'await served.close()',
  ),
]
