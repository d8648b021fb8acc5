/** The part of the output of `node --cpu-prof` that is read here. */
export interface Profile {
  readonly nodes: readonly ProfileNode[]
  /** In µs, like all times here. */
  readonly endTime: number
  readonly startTime: number
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  readonly children?: readonly number[]
}

export interface Share {
  readonly name: string
  readonly group: string
  /** Of the time that was not idle. */
  readonly share: number
}

/** Self time in the last `last` µs, by group and by function, the largest first. */
export function timesOf(profile: Profile, last: number): { groups: Share[]; functions: Share[] } {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  )
  const [byGroup, byFunction] = [new Map<string, Share>(), new Map<string, Share>()]
  let total = 0
  let now = profile.startTime
  for (const [i, id] of profile.samples.entries()) {
    const node = nodes.get(id) as ProfileNode
    const time = profile.timeDeltas[i] as number
    now += time
    if (now < profile.endTime - last || node.callFrame.functionName === '(idle)') continue
    const group = groupOf(node, (node) => nodes.get(parents.get(node.id) as number))
    const name = nameOf(node)
    total += time
    add(byGroup, group, { name: group, group, share: time })
    add(byFunction, `${group} ${name}`, { name, group, share: time })
  }
  const ranked = (shares: ReadonlyMap<string, Share>) =>
    [...shares.values()].map((each) => ({ ...each, share: each.share / total })).sort((a, b) => b.share - a.share)
  return { groups: ranked(byGroup), functions: ranked(byFunction) }
}

function add(shares: Map<string, Share>, key: string, each: Share): void {
  shares.set(key, { ...each, share: each.share + (shares.get(key)?.share ?? 0) })
}

/** Wherever the repository is: a folder above it may be called `bench`, too. */
const BENCH = new URL('../', import.meta.url).href

/** Whose code it is. Built-in functions, such as `JSON.parse`, count for their caller. */
function groupOf(node: ProfileNode, parentOf: (node: ProfileNode) => ProfileNode | undefined): string {
  const { url, functionName } = node.callFrame
  if (functionName === '(garbage collector)') return 'gc'
  if (functionName === '(program)') return 'native'
  if (url.includes('internal/crypto')) return 'crypto'
  if (url.startsWith('node:')) return 'node'
  if (url.startsWith(BENCH)) return 'bench'
  const module = /\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]
  if (module) return OF_EXPRESS.has(module) ? 'express' : module
  if (url !== '') return 'ours'
  const parent = parentOf(node)
  return parent ? groupOf(parent, parentOf) : 'native'
}

const OF_EXPRESS = new Set(
  'express router finalhandler send etag fresh accepts negotiator mime-types content-type parseurl qs path-to-regexp vary proxy-addr ipaddr.js type-is'.split(
    ' ',
  ),
)

function nameOf({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  const place =
    url === '' ? 'built in' : `${url.replace(/^.*\/(?=(?:src|node_modules|bench)\/)/, '')}:${lineNumber + 1}`
  return `${functionName || '(anonymous)'}  ${place}`
}
