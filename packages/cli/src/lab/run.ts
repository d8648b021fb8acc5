import { arch, platform } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Attack, type Finding, NotRun } from './attack.ts'
import type { Cell, Report, RowInfo } from './report.ts'
import { NotShared, type Row, type Site } from './site.ts'
import { Visitor } from './visitor.ts'

export interface RunOptions {
  readonly rows: readonly Row[]
  readonly attacks: readonly Attack[]
  readonly thorough?: boolean
  /** Stops everything that was started, and returns what was found until then. */
  readonly signal?: AbortSignal
  /** How long one attack may take, in ms. By default two minutes, and a quarter of an hour with `thorough`. */
  readonly limit?: number
  /** Rows that run in parallel (default 2). */
  readonly parallel?: number
  readonly onCell?: (cell: Cell) => void
}

/** Runs each attack on each row. Never rejects because of what an attack or a server does: that is in the cells. */
export async function runLab(options: RunOptions): Promise<Report> {
  const { rows, attacks, thorough = false, parallel = 2 } = options
  const done = new Map<Row, RowResult>()
  const queue = [...rows]
  const work = async () => {
    for (let row = queue.shift(); row; row = queue.shift()) done.set(row, await new RowRun(row, options).run())
  }
  await Promise.all(Array.from({ length: parallel }, work))
  const results = rows.map((row) => done.get(row) as RowResult)
  return {
    format: 1,
    at: new Date().toISOString(),
    machine: `Node ${process.versions.node}, ${platform()} ${arch()}`,
    thorough,
    rows: results.map(({ info }) => info),
    attacks: attacks.map(({ name, title, property, attacker, how, docs }) => ({
      ...{ name, title, property, attacker, how, docs },
    })),
    cells: results.flatMap(({ cells }) => cells),
  }
}

interface RowResult {
  readonly info: RowInfo
  readonly cells: readonly Cell[]
}

const MINUTE = 60_000
/** Before a second look, in ms. A row takes longer, unless it has few attacks. */
const A_WHILE = 1500
/** The summary of what was not run because of that. */
export const INTERRUPTED = 'The run was interrupted.'

/** All attacks on one row: those that leave the site as it was, and then the others, each of which has the site to itself and is its last. */
class RowRun {
  readonly #row: Row
  readonly #options: RunOptions
  readonly #limit: number
  readonly #cells = new Map<Attack, Cell>()
  #site: Site | null = null
  /** The start that is under way: what it starts must be stopped, even if nobody waits for it any more. */
  #starting: Promise<unknown> | null = null
  #version: string | null = null
  /** Second looks at this site that attacks have asked for. */
  #looks: { readonly attack: Attack; readonly after: number; readonly later: () => Promise<Finding> }[] = []
  /** Why no site of this row can be started: what is missing, or how it failed. */
  #hopeless: Error | null = null

  constructor(row: Row, options: RunOptions) {
    this.#row = row
    this.#options = options
    this.#limit = options.limit ?? (options.thorough ? 15 : 2) * MINUTE
  }

  async run(): Promise<RowResult> {
    const { attacks } = this.#options
    const peaceful = attacks.filter(({ violent }) => !violent)
    const violent = attacks.filter((attack) => attack.violent)
    for (const attack of peaceful) {
      // An attack that puts old rows back, or sweeps days ahead and turns the clock back, brings back what had ended.
      if (!attack.harmless || attack.turnsClocks) await this.#lookAgain()
      await this.#attempt(attack)
    }
    await this.#lookAgain()
    for (const attack of violent) {
      const { verdict } = await this.#attempt(attack)
      // Nobody uses what it has left. Where there was nothing to attack, it left everything as it was.
      if (verdict !== 'not applicable') await this.#discard()
    }
    await this.#discard()
    const { name, family, engine, seal, traits } = this.#row
    return {
      info: { name, family, engine, seal, traits, version: this.#version },
      cells: attacks.map((attack) => this.#cells.get(attack) as Cell),
    }
  }

  async #attempt(attack: Attack): Promise<Cell> {
    const began = performance.now()
    const finding = await this.#find(attack)
    const cell = this.#record(attack, finding, Math.round(performance.now() - began))
    this.#options.onCell?.(cell)
    if (finding.later) this.#looks.push({ attack, later: finding.later, after: performance.now() + A_WHILE })
    return cell
  }

  /** What was ended may come back: a copy that is restored, a replica that is behind. The other attacks have taken the time for it. */
  async #lookAgain(): Promise<void> {
    const { signal } = this.#options
    for (const { attack, after, later } of this.#looks) {
      const stop = AbortSignal.any([AbortSignal.timeout(this.#limit), ...(signal ? [signal] : [])])
      const look = async () => {
        await sleep(Math.max(0, after - performance.now()), undefined, { signal: stop })
        return later()
      }
      const finding = await until(stop, look()).catch((error: unknown) =>
        signal?.aborted ? null : notRunBecause(error),
      )
      // An interrupted run has the first look.
      if (finding) this.#record(attack, finding, this.#cells.get(attack)?.ms ?? 0)
    }
    this.#looks = []
  }

  #record(attack: Attack, finding: Finding & { readonly failed?: boolean }, ms: number): Cell {
    const cell: Cell = {
      row: this.#row.name,
      attack: attack.name,
      verdict: finding.verdict,
      promised: attack.promised(this.#row),
      ...(finding.failed && { failed: true as const }),
      summary: finding.summary,
      evidence: finding.evidence,
      ms,
    }
    this.#cells.set(attack, cell)
    return cell
  }

  async #find(attack: Attack): Promise<Finding & { readonly failed?: boolean }> {
    const { signal, thorough = false } = this.#options
    if (signal?.aborted) return notRun(INTERRUPTED)
    if (this.#hopeless !== null) return notRunBecause(this.#hopeless)
    const stop = new AbortController()
    const abort = () => stop.abort(new NotRun(INTERRUPTED))
    const late = () => stop.abort(new Error(`It did not end within ${this.#limit / 1000} s.`))
    let timer: NodeJS.Timeout | undefined
    signal?.addEventListener('abort', abort, { once: true })
    try {
      const site = await until(stop.signal, this.#started())
      timer = setTimeout(late, this.#limit)
      const finding = await until(stop.signal, attack.run(site, { thorough, signal: stop.signal }))
      // An attacker who failed because nothing worked has proven nothing.
      if (!attack.violent && !(await until(stop.signal, works(site)))) throw new Error('The application went away.')
      return finding
    } catch (error) {
      if (error instanceof NotShared) return { verdict: 'not applicable', summary: error.message, evidence: [] }
      const isWhole = error instanceof NotRun && !stop.signal.aborted && this.#site !== null
      // Whatever failed, the next attack must not suffer from it.
      if (!isWhole) await this.#discard()
      return notRunBecause(error)
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      stop.abort()
    }
  }

  async #started(): Promise<Site> {
    if (this.#site) return this.#site
    const start = this.#row.start()
    this.#starting = start.catch(() => undefined)
    try {
      this.#site = await start
      this.#version = this.#site.row.version
      return this.#site
    } catch (error) {
      this.#hopeless = error instanceof Error ? error : new Error(String(error))
      throw error
    }
  }

  async #discard(): Promise<void> {
    await this.#starting
    this.#starting = null
    const site = this.#site
    this.#site = null
    // What has ended there cannot come back.
    this.#looks = []
    await site?.stop().catch(() => undefined)
  }
}

const notRun = (summary: string): Finding => ({ verdict: 'not run', summary, evidence: [] })

/** Where something is missing, nobody can be blamed; anything else has failed, and each attack that needed it with it. */
const notRunBecause = (error: unknown) => ({ ...notRun(firstLine(error)), failed: !(error instanceof NotRun) })

const firstLine = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]?.slice(0, 300) || 'It failed.'

/** Rejects with the signal's reason as soon as it is aborted. */
function until<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const aborted = () => reject(signal.reason)
    if (signal.aborted) aborted()
    signal.addEventListener('abort', aborted, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted))
  })
}

/** Does the application still do what it is for? */
async function works(site: Site): Promise<boolean> {
  try {
    const visitor = new Visitor(site)
    const written = await visitor.send('/set?key=works&value=yes')
    const read = await visitor.send('/read')
    await visitor.send('/logout')
    return written.status === 200 && read.status === 200 && read.data.works === 'yes'
  } catch {
    return false
  }
}
