const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const IPV4 = new RegExp(`^(?:${OCTET}\\.){3}${OCTET}$`)
/** What may stand between the brackets of a URL: the parser decides, and must not be handed anything that ends them. */
const MAYBE_IPV6 = /^[\da-f:.]{2,45}$/i
/** Longer than any address with a zone id. A header may be as long as a visitor likes. */
const LONGEST = 100

/**
 * The first address of the network that an address is in: of the /24 of an IPv4 address (`203.0.113.7` → `203.0.113.0`), and of the /48
 * of an IPv6 address (`2001:db8:7:1::5` → `2001:db8:7::`), in the form of RFC 5952. Null for what is no address. An IPv4 address that
 * is written as an IPv6 one (RFC 4291 §2.5.5.2), or that is in one of 6to4 (RFC 3056), is shortened as IPv4: cut to 48 bits, the
 * latter would still be whole. Zone ids are dropped.
 */
export function shortenAddress(given: string): string | null {
  if (given.length > LONGEST) return null
  const text = given.trim()
  if (IPV4.test(text)) return text.replace(/\d+$/, '0')
  const [address = '', zone] = text.split(/%(.*)/s, 2)
  if (zone === '' || !MAYBE_IPV6.test(address)) return null
  const canonical = canonicalIpv6(address)
  return canonical && shortenGroups(groupsOf(canonical))
}

/** As people write the network that `shortenAddress` returns the first address of: `203.0.113.0/24`, `2001:db8:7::/48`. */
export const networkOf = (shortened: string): string => `${shortened}/${shortened.includes(':') ? 48 : 24}`

/** The reverse: databases of places take an address, and no network. */
export const firstOf = (network: string): string => network.slice(0, network.lastIndexOf('/'))

/** By the parser of URLs, which every runtime has. Null for what is no IPv6 address. */
function canonicalIpv6(text: string): string | null {
  const url = `http://[${text}]/`
  return URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : null
}

/** The eight groups of an address in its canonical form. */
function groupsOf(canonical: string): readonly number[] {
  const [before = [], after = []] = canonical.split('::').map((part) => part.split(':').filter(Boolean))
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  return [...before, ...zeros, ...after].map((group) => Number.parseInt(group, 16))
}

function shortenGroups(groups: readonly number[]): string | null {
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) return shortenIpv4(groups[6], groups[7])
  if (groups[0] === 0x2002) return shortenIpv4(groups[1], groups[2])
  const network = groups.slice(0, 3).map((group) => group.toString(16))
  return canonicalIpv6(`${network.join(':')}::`)
}

const shortenIpv4 = (high = 0, low = 0) => `${high >> 8}.${high & 0xff}.${low >> 8}.0`
