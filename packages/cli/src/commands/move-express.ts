import { EXPRESS_SESSION, type MovableSource, type SourceClient, sessionsBackendOf } from 'strongroom/internal'
import type { AnySessions } from '../config.ts'
import type { ExpressStorage } from '../express/storage.ts'
import { type ExpressUrl, expressFromUrl } from '../express/url.ts'
import { misuse } from '../failure.ts'
import { Failures } from '../failures.ts'
import { checkPath } from '../paths.ts'
import { checkTarget, confirmDelete, moveAdopted, type SourceOptions, withTarget } from './move-source.ts'

const QUESTION =
  'Does every node have the source in adoptFrom, and is the old application stopped? Its sessions will be deleted.'
const UNREADABLE = 'refused by the source'
const DROP_IN =
  'An application with strongroom/express-session has that of its cookie, connect.sid by default, and finds nothing in another.'

/** Adopts all sessions of a store of express-session, under the tokens that `adoptFrom: expressSession(…)` looks for. */
export async function moveExpress(options: SourceOptions): Promise<void> {
  // Before a config is loaded, which changes the working directory.
  const url = expressFromUrl(options.from)
  checkPath(url.path)
  await withTarget(options, async (to) => {
    checkTarget(to)
    await confirmDelete(options, QUESTION)
    const storage = url.open()
    try {
      const words = {
        ...{ from: storage.engine, whose: "express-session's", unreadable: UNREADABLE },
        ...{ nothingThere: storage.nothingThere, namespace: DROP_IN },
      }
      await moveAdopted({ source: sourceOf(storage, url), to, options, failures: new Failures(), words })
    } finally {
      await storage.close()
    }
  })
}

const sourceOf = (storage: ExpressStorage, { reader }: ExpressUrl): MovableSource => ({
  name: EXPRESS_SESSION,
  keys: ({ page = 500, signal } = {}) => storage.ids({ page, signal }),
  async read(sid) {
    const found = await storage.read(sid)
    return found && reader(found.record ?? 'no JSON', found.endsAt)
  },
  end: (sid) => storage.delete(sid),
})

const OF_CONFIG = /^\s*source:(.*)$/s

export const isSourceName = (from: string) => OF_CONFIG.test(from)

/** Adopts all sessions of a source that the config has in `adoptFrom`: `--from source:express-session`. */
export async function moveFromConfig(options: SourceOptions): Promise<void> {
  const [, name = ''] = OF_CONFIG.exec(options.from) ?? []
  if (options.to !== undefined)
    throw misuse('A source is that of a config, and so is the store that its sessions are moved to: leave out --to.')
  await withTarget(options, async (to) => {
    checkTarget(to)
    const source = named(name.trim(), to)
    await confirmDelete(options, QUESTION)
    const words = { from: source.name, whose: `${source.name}'s`, unreadable: UNREADABLE }
    await moveAdopted({ source, to, options, failures: new Failures(), words })
  })
}

function named(name: string, to: AnySessions): SourceClient {
  const sources = (sessionsBackendOf(to)?.adoptFrom ?? []) as readonly SourceClient[]
  const found = sources.find((one) => one.name === name)
  if (!found) {
    const names = sources.map((one) => `source:${one.name}`).join(', ')
    throw misuse(
      names === ''
        ? 'The sessions of the config have no adoptFrom.'
        : `There is no such source in adoptFrom. There is: ${names}.`,
    )
  }
  if (found.stateless)
    throw misuse(
      `The sessions of ${found.name} are in the cookies of its visitors, so nobody can list them. Each is adopted when its visitor comes.`,
    )
  if (!found.canRead)
    throw misuse(`The source ${found.name} has no store in the config: without it, there is nothing to move.`)
  if (!found.canList)
    throw misuse(
      `The store of ${found.name} cannot list its sessions. Name it by a URL, such as --from express+postgres://…, or let each be adopted when its visitor comes.`,
    )
  return found
}
