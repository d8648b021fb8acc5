/**
 * What the lab and an application say to each other: lines of JSON on file descriptor 3, so that an application may be written in any
 * language. The lab begins with `start`, and the application answers with `ready`. Its stream ends when the lab does, and then
 * the application must end, too.
 */
export type ToApplication =
  | { readonly do: 'start'; readonly config: StartConfig }
  /** Lets the handler go on that waits at this gate. */
  | { readonly do: 'open'; readonly gate: string }
  | { readonly do: 'ask'; readonly id: number; readonly what: Question; readonly value?: number | string }

/**
 * `clock`: be this many ms ahead from now on. `sweep`: remove expired sessions. `storeCalls`: how many there were. `memory`: write
 * a heap snapshot to this file.
 */
export type Question = 'clock' | 'sweep' | 'storeCalls' | 'memory'

/** What the application can be asked. */
export type Abilities = readonly Question[]

export type ToLab =
  | { readonly is: 'ready'; readonly abilities: Abilities; readonly version: string | null }
  /** It cannot run here, with the line that would help: a package is missing. */
  | { readonly is: 'notRun'; readonly message: string }
  /** It could have been run, and was not able to start. */
  | { readonly is: 'failed'; readonly message: string }
  | { readonly is: 'waiting'; readonly gate: string }
  | { readonly is: 'answer'; readonly id: number; readonly value: number | null }
  | { readonly is: 'error'; readonly id: number; readonly message: string }

export interface StartConfig {
  readonly port: number
  readonly cookieName: string
  /** Idle limit in ms. */
  readonly idle: number
  /** How far its clock is ahead, in ms. */
  readonly clockBy: number
  readonly secrets: readonly string[]
  /** What this kind of application needs: the URL of its store, its seal. */
  readonly settings: Readonly<Record<string, string>>
}

/** Splits what arrives into lines, and parses each. */
export function linesOf<Message>(take: (message: Message) => void): (chunk: Buffer | string) => void {
  let rest = ''
  return (chunk) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() as string
    for (const line of lines) take(JSON.parse(line) as Message)
  }
}
