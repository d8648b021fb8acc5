import type { StatsFs } from 'node:fs'
import { size } from '../format.ts'
import type { Check, Topic } from './check.ts'

/** What Linux puts into `statfs().f_type`: linux/magic.h, and for those that are not in the kernel, their own sources. */
const NETWORK: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x01021997, '9p'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x00c36400, 'CephFS'],
  [0x73757245, 'Coda'],
  [0x564c, 'NCP'],
  [0x7461636f, 'OCFS2'],
  [0x01161970, 'GFS2'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x19830326, 'BeeGFS'],
  [0x786f4256, 'a shared folder of VirtualBox'],
])
const IN_MEMORY: ReadonlyMap<number, string> = new Map([
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
])
const LAYERS: ReadonlyMap<number, string> = new Map([
  [0x794c7630, 'overlay'],
  [0x61756673, 'aufs'],
])
const FUSE = 0x65735546
/** On a disk of this machine, as far as the machine knows. What is in none of these lists is unknown, and not local. */
const LOCAL: ReadonlySet<number> = new Set([
  // ext2, ext3, ext4; XFS; Btrfs; ZFS; F2FS; bcachefs
  0xef53, 0x58465342, 0x9123683e, 0x2fc12fc1, 0xf2f52010, 0xca451a4e,
  // JFS; ReiserFS; NILFS; UBIFS; JFFS2; eCryptfs over one of them
  0x3153464a, 0x52654973, 0x3434, 0x24051905, 0x72b6, 0xf15f,
  // FAT; exFAT; NTFS; NTFS3; HFS+
  0x4d44, 0x2011bab0, 0x5346544e, 0x7366746e, 0x482b,
])

export interface Place {
  /** "file" or "sqlite", for the name of the check. */
  readonly engine: string
  /** `process.platform`. */
  readonly platform: string
}

/** By the type of a file system: can its locks be relied on, and is it there after a restart? */
export function fileSystemCheck(topic: Topic, type: number, { engine, platform }: Place): Check {
  const name = `${engine}-file-system`
  if (platform !== 'linux')
    return topic.unknown(name, `On ${platform}, the type of a file system is not known to this program.`)
  const local = 'Put the sessions on a local disk of the server, or use postgres, mysql or redis.'
  // A signed 32-bit number on some architectures.
  const kind = type >>> 0
  const network = NETWORK.get(kind)
  if (network)
    return topic.red(
      name,
      `The sessions are on a network file system (${network}), whose locks and syncs cannot be relied on: ended sessions may come back.`,
      local,
    )
  const memory = IN_MEMORY.get(kind)
  if (memory)
    return topic.red(
      name,
      `The sessions are in memory (${memory}): a restart of the machine signs everybody out.`,
      'Put the sessions on a disk.',
    )
  const layers = LAYERS.get(kind)
  if (layers)
    return topic.red(
      name,
      `The sessions are in the layer of a container (${layers}): the next deploy signs everybody out.`,
      'Put them on a volume: docker run -v sessions:/var/lib/app …',
    )
  if (kind === FUSE)
    return topic.amber(
      name,
      'The sessions are on a FUSE file system, which may be a network behind a program; many have no locks.',
      local,
    )
  if (LOCAL.has(kind)) return topic.green(name, 'The sessions are on a local file system.')
  return topic.unknown(
    name,
    `The type of this file system (0x${kind.toString(16)}) is not known to this program: it may be on a network.`,
    'See df -T for its name.',
  )
}

const LEAST_BYTES = 100 * 2 ** 20

/** By its numbers: will the next sessions fit? */
export function spaceCheck(
  topic: Topic,
  { bsize, blocks, bavail, files, ffree }: StatsFs,
  { engine }: Pick<Place, 'engine'>,
): Check {
  const name = `${engine}-space`
  const free = bavail * bsize
  const share = blocks > 0 ? bavail / blocks : 1
  const inodes = files > 0 ? ffree / files : 1
  const mend = `Make room (df -h, df -i), or move the sessions to a larger disk.`
  const left = `${size(free)} (${Math.floor(share * 100)} %)`
  if (share < 0.01 || inodes < 0.01)
    return topic.red(
      name,
      inodes < 0.01
        ? 'The disk has no inodes left: nobody can log in.'
        : `The disk is full, with ${left} left: nobody can log in.`,
      mend,
    )
  if (share < 0.05 || inodes < 0.05 || free < LEAST_BYTES)
    return topic.amber(
      name,
      inodes < 0.05
        ? 'The disk has few inodes left, and a session is a file.'
        : `The disk is nearly full, with ${left} left.`,
      mend,
    )
  return topic.green(name, `The disk has ${left} left.`)
}
