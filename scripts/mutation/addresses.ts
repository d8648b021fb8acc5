import { type Mutation, on } from './mutation.ts'

const at = (file: string) => on('test/core/addresses.test.ts', `packages/strongroom/src/${file}.ts`)
const shortening = at('session/address')
const options = at('request/addresses')
const lists = at('admin/devices')
const frameworks = (file: string) => on('test/adapters/addresses.test.ts', `packages/strongroom/src/${file}.ts`)

/** Mistakes in the addresses of device lists. */
export const addressMutations: readonly Mutation[] = [
  shortening('addresses: one of IPv4 that is stored whole', "return text.replace(/\\d+$/, '0')", 'return text'),
  shortening('addresses: one of IPv6 that is cut to 64 bits', 'groups.slice(0, 3)', 'groups.slice(0, 4)'),
  shortening(
    'addresses: one of IPv4 within IPv6 that is shortened as IPv6',
    '  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) return shortenIpv4(groups[6], groups[7])\n',
    '',
  ),
  shortening(
    'addresses: one of 6to4 that has the whole of an IPv4 address',
    '  if (groups[0] === 0x2002) return shortenIpv4(groups[1], groups[2])\n',
    '',
  ),
  shortening('addresses: a zone that makes an address none', 'text.split(/%(.*)/s, 2)', "[text, '1']"),
  shortening('addresses: a text that leaves the brackets of a URL', '!MAYBE_IPV6.test(address)', 'false'),
  options(
    'addresses: one of an anonymous visitor that is stored',
    'meta.userId === null || request === null ? null',
    'request === null ? null',
  ),
  options(
    'addresses: an older one that stays where the last is unknown',
    'if (address === null) return withoutAddress(meta)',
    'if (address === null) return meta',
  ),
  options(
    'addresses: one that stays after the option was removed',
    'note: read ? notedBy(read) : withoutAddress',
    'note: read ? notedBy(read) : (meta) => meta',
  ),
  at('base/warn')('addresses: a warning at each request', '    if (warned) return\n', ''),
  options('addresses: a rejection that nobody hears', '  given.catch(() => undefined)\n', ''),
  options('addresses: a place without a time limit', 'await ask(() => place(address))', 'await place(address)'),
  options(
    'addresses: an option that is accepted where nothing lists it',
    "if (reason && (name === 'place' || !guessing))",
    'if (reason && !reason)',
  ),
  lists(
    'addresses: a place that is asked for once for each device',
    '[...new Set(devices.flatMap(({ address }) => address ?? []))]',
    'devices.flatMap(({ address }) => address ?? [])',
  ),
  lists(
    'addresses: hundreds of places that are asked for in parallel',
    'const ASKED_IN_PARALLEL = 20',
    'const ASKED_IN_PARALLEL = 1000',
  ),
  at('backing/entries')(
    'addresses: a label that keeps the address of an earlier use',
    '  a.stamp === b.stamp &&\n  a.address === b.address',
    '  a.stamp === b.stamp',
  ),
  at('adoption/visitors')(
    'addresses: an adopted session without one',
    'context.addresses?.note(content.meta, request.request) ?? content.meta',
    'content.meta',
  ),
  frameworks('adapters/nest/mount')(
    'addresses: Nest on Fastify that does not know its proxies',
    'sessions.attach(request, begun, request.raw)',
    'sessions.attach(request.raw, begun, request)',
  ),
]
