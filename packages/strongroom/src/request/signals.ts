import { isLoaded, type Loaded, presentedCookie } from '../backing/backing.ts'
import { askWithin } from '../base/ask.ts'
import { checkOptions, functionOption } from '../base/check.ts'
import { Memo } from '../base/memo.ts'
import { runExclusive } from '../base/mutex.ts'
import { warnOfOption } from '../base/warn.ts'
import type { Addresses, SessionsContext, SignalledRequest, SignalSource, Signals } from '../context.ts'
import { handleOf } from '../crypto/token.ts'
import { ConfigError, StoreError, TooLargeError } from '../errors.ts'
import type { Signal, SignalOutcome } from '../events.ts'
import { header } from '../http/headers.ts'
import type { Meta } from '../session/content.ts'
import { afterEnd } from './load.ts'
import { changesIn, deviceOf, learned, loginSignals, type Present, remembered, signalsOf } from './signal-values.ts'
import { revoked } from './task.ts'

/** What `onSignal` returns. */
// biome-ignore lint/suspicious/noConfusingVoidType: a function that only logs returns nothing
type Decision = SignalOutcome | undefined | void

/** The option `signals`. `{}` reports every change by the event `signal`. */
export interface SignalsOptions {
  /**
   * Decides what follows when a session is used by a browser, or from a network, that it was not used from since its login: `report` (the
   * event alone), `stepUp` (what the user has proved is forgotten, so that `requireFresh` refuses until there is a new proof) or
   * `end` (the session is over, for all who have its cookie). Undefined is `report`. Called once for each change, and the request waits for
   * it, for `storeTimeout` at most: it must not call `sessions.get(request)`. If it throws or is late, the change is reported, and the
   * warning `STRONGROOM_SIGNALS` says so.
   */
  readonly onSignal?: ((signal: Signal) => Decision | Promise<Decision>) | undefined
}

interface SignalParts {
  /** Null where sessions have another framework's format. */
  readonly namespace: string | null
  readonly addresses: Addresses | null
  /** Time limit of one call of `onSignal`, in ms. */
  readonly timeout: number
}

const WARNING = 'STRONGROOM_SIGNALS'
/** Bytes of memory for what was made of headers. */
const MEMO = 512 * 1024
/** How often a change is noted over what other requests have written meanwhile. */
const ATTEMPTS = 50

/** The option `signals`, checked. Throws `ConfigError`. */
export function createSignals(given: SignalsOptions | undefined, parts: SignalParts): Signals {
  if (given === undefined) return { note: withoutSignals }
  checkOptions('signals', given, ['onSignal'])
  const onSignal = functionOption<SignalsOptions['onSignal']>('signals: onSignal', given.onSignal, undefined)
  if (parts.namespace === null)
    throw new ConfigError(
      'signals: these sessions have the format of another framework, which has no place for what a login came from. Leave it out.',
    )
  const presentOf = presentBy(parts.addresses?.of ?? null)
  const decide = onSignal ? decidedBy(onSignal, parts.timeout) : async () => 'report' as const
  return {
    note(meta, source) {
      // Nobody has proved to be anybody: there is nothing to compare with.
      if (meta.userId === null) return withoutSignals(meta)
      const signals = learned(meta.signals, presentOf(source).values)
      return signals === meta.signals ? meta : { ...meta, signals }
    },
    check(found, request) {
      const { loaded } = found
      if (loaded?.meta.signals === undefined) return null
      const { signals } = loaded.meta
      const { text, values } = presentOf(request)
      if (text === signals || changesIn(signals, values).length === 0) return null
      // One after another: a page and its images come in parallel, and are one change.
      return runExclusive(request.context.backing, `signals ${loaded.ref.cookie.id}`, async () => {
        const now = await settle(loaded, values, request, decide)
        return now ? { ...found, loaded: now } : afterEnd(found, { loggedOut: false }, null)
      })
    },
  }
}

/** Personal data is not kept beyond its purpose: where the option was removed, the next write drops what is stored. */
function withoutSignals(meta: Meta): Meta {
  if (meta.signals === undefined) return meta
  const { signals: _, ...rest } = meta
  return rest
}

type Decide = (signal: Signal) => Promise<SignalOutcome>

/** Null if the session is over. Rejects if it was to end, and could not be ended. */
async function settle(
  loaded: Loaded,
  present: Present,
  { context, request }: SignalledRequest,
  decide: Decide,
): Promise<Loaded | null> {
  // Of the token that came with the request: the next one counts as seen when a request comes with it.
  const cookie = presentedCookie(loaded.ref)
  let outcome: SignalOutcome | null = null
  for (let attempt = 1; ; attempt++) {
    // Fresh: what was loaded may be a copy, and another request may have been faster.
    const copy = await context.backing.load(cookie, { fresh: true, wasLoaded: true })
    if (!isLoaded(copy)) return null
    const { meta } = copy
    const changed = changesIn(meta.signals, present)
    if (changed.length === 0) return copy
    const signal = {
      changed,
      handle: handleOf(cookie.id),
      userId: meta.userId as string,
      from: loginSignals(meta.signals),
      to: signalsOf(present),
      ageMs: context.clock() - meta.createdAt,
      request,
    }
    outcome ??= await decide(signal)
    if (outcome === 'end') return end(copy, signal, context)
    const isLast = attempt === ATTEMPTS
    const noted = await remember(copy, present, { outcome, isLast }, context)
    if (noted === 'conflict') continue
    tell(signal, outcome, context)
    return noted
  }
}

async function end({ ref }: Loaded, signal: Signal, context: SessionsContext): Promise<null> {
  if (!(await context.backing.end(ref))) return null
  tell(signal, 'end', context)
  revoked({ context, userId: signal.userId }, ref, 'revoke')
  return null
}

/**
 * Notes that the session was seen with this, by compare-and-set, so that a change is told once, whichever server notices it first. Where it
 * cannot be stored, it holds for this request, and is decided again at the next: a page must not fail because a note about it does.
 */
async function remember(
  { meta: before, data, values, shared, ref }: Loaded,
  present: Present,
  { outcome, isLast }: { readonly outcome: SignalOutcome; readonly isLast: boolean },
  { backing, emit }: SessionsContext,
): Promise<Loaded | 'conflict'> {
  const noted: Meta = { ...before, signals: remembered(before.signals, present) }
  const meta = outcome === 'stepUp' ? withoutProof(noted) : noted
  const unsaved = { meta, data, values, shared, ref }
  try {
    const next = await backing.update(ref, { meta, data }, ref.expiresAt, { meta: before, data })
    if (next) return { ...unsaved, ref: next }
    return isLast ? unsaved : 'conflict'
  } catch (error) {
    if (!(error instanceof StoreError) && !(error instanceof TooLargeError)) throw error
    if (error instanceof StoreError) emit({ type: 'storeError', error })
    return unsaved
  }
}

/** There was a proof, at the beginning of time: too old for whatever asks how old it is. */
const withoutProof = (meta: Meta): Meta => ({ ...meta, proofs: [] })

/** Without the network, which is personal data wherever events are written to. */
function tell(signal: Signal, outcome: SignalOutcome, { emit }: SessionsContext): void {
  const { changed, handle, userId, from, to, ageMs } = signal
  if (emit.wanted())
    emit({ type: 'signal', handle, changed, outcome, from: from.family, to: to.family, ageMs }, { userId })
}

/** A failure is no reason to refuse a request, or to end a session. */
function decidedBy(onSignal: NonNullable<SignalsOptions['onSignal']>, timeout: number): Decide {
  const warn = warnOfOption(WARNING, 'signals: onSignal', 'The change is reported by an event, and requests go on.')
  const ask = askWithin(timeout, warn)

  return async (signal) => {
    const given = await ask(() => onSignal(signal))
    if (given === 'stepUp' || given === 'end') return given
    if (given !== undefined && given !== 'report')
      warn("returned something else than 'report', 'stepUp', 'end' or undefined")
    return 'report'
  }
}

interface Device {
  readonly text: string
  readonly values: Present
}

/** What a request comes with. What was made of headers is remembered, because most visitors have one of a few browsers. */
function presentBy(addressOf: Addresses['of']): (source: SignalSource) => Device {
  const memo = new Memo<Device>(MEMO)

  function deviceIn({ headers }: SignalSource): Device {
    const userAgent = header(headers, 'user-agent')
    const brands = header(headers, 'sec-ch-ua')
    const platform = header(headers, 'sec-ch-ua-platform')
    const mobile = header(headers, 'sec-ch-ua-mobile')
    const key = `${userAgent}\n${brands}\n${platform}\n${mobile}`
    const known = memo.get(key)
    if (known) return known
    const values = deviceOf({ userAgent, brands, platform, mobile })
    const device = { values, text: values.join('|') }
    memo.set(key, device, 2 * key.length + 500)
    return device
  }

  return (source) => {
    const { text, values } = deviceIn(source)
    const network = (source.request && addressOf?.(source.request)) || ''
    return { text: `${text}|${network}`, values: [...values, network] }
  }
}
