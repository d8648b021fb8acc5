// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the mutations quote sources

import { type Mutation, on } from './mutation.ts'

const source = (file: string) => `packages/strongroom/src/${file}.ts`
const core = (file: string) => on('test/core/bearer.test.ts', source(file))
const adapters = (file: string) => on('test/adapters/bearer.test.ts', source(file))
const bearer = core('http/bearer')

/** Tokens in Authorization. */
export const bearerMutations: readonly Mutation[] = [
  core('http/transport')(
    'bearer tokens that are bound to their namespace alone',
    'other && `${namespace} ${other.audience}`',
    'other && namespace',
  ),
  core('crypto/token')(
    'a bearer session with another id than a session of its site would have',
    "(typeof names === 'string' ? names : names.ids)",
    "(typeof names === 'string' ? names : names.tags)",
  ),
  core('backing/cookie')(
    'a cookie with a session in it that works as a bearer token',
    'cookieCodec(engine.protection, ring, tokenNamespace, options.aead)',
    'cookieCodec(engine.protection, ring, namespace, options.aead)',
  ),
  bearer('a scheme that must be written as in the RFC', '=*)$/i', '=*)$/'),
  bearer('a logout that sends no empty bearer token', 'sent === null ? read', '!sent ? read'),
  bearer('a namespace that bearer() does without', 'options.namespace === undefined', 'options.namespace === null'),
  bearer('an Authorization header of any length', 'header.length > LONGEST', 'header.length > 1e9'),
  core('request/load')(
    'a bearer session that is looked for in cookies',
    "header(headers, transport.header ?? 'cookie')",
    "header(headers, 'cookie')",
  ),
  core('request/csrf')(
    'a bearer session whose requests pass without a token, though a certificate may be what they come with',
    'context.transport.other && hasToken(context, request.headers)',
    'context.transport.other',
  ),
  core('request/csrf')(
    'a request with a bearer token that is refused for where it comes from',
    'context.transport.other && hasToken(context, request.headers)',
    'false',
  ),
  adapters('adapters/shared/outcome')(
    'a bearer token that no response has',
    'for (const [name, value] of outcome.headers ?? []) headers.set(name, value)',
    '',
  ),
  adapters('adapters/shared/outcome')(
    'a response to a bearer token that varies by Cookie',
    "vary: by = 'Cookie' } = outcome",
    "} = outcome\n  const by = 'Cookie'",
  ),
  adapters('adapters/sveltekit')(
    "a bearer token that is lost with a redirect of SvelteKit's",
    "if (sessions.policy.transport === 'bearer') return redirectOf(error)",
    '',
  ),
  adapters('adapters/next/for-browsers')(
    'an action of Next that stores a bearer token and cannot send it',
    "policy?.transport !== 'bearer'",
    'policy !== undefined',
  ),
]
