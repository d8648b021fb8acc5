import assert from 'node:assert/strict'
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Answer } from './child.ts'
import { converse } from './conversation.ts'

const CHILD = fileURLToPath(import.meta.resolve('./child.ts'))
const LIMIT = 60_000
/** The adapters' suite alone is hundreds of conversations. */
const SUITE_LIMIT = 180_000
/** For examples only: what `strongroom keys new` would have printed, twice. */
const SECRETS = 'bE2uYw3fPq7cTz9kLr5xVn1mJh8sDg4aQo6iKe0U,mV4tRk8wXs2yGb6nHc0pZq5jLf9dTa3eUi7oYr1M'

/** Runs a file of tests, each of which must pass or say why it is skipped. */
export async function runTests(file: string): Promise<void> {
  // Without the variable by which Node's test runner tells its children to report to it.
  const { NODE_TEST_CONTEXT: _, ...rest } = process.env
  const env = { ...rest, STRONGROOM_SECRETS: SECRETS }
  const args = ['--test', '--test-isolation=none', '--test-reporter=tap', file]
  const child = spawn(process.execPath, args, {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: SUITE_LIMIT,
    killSignal: 'SIGKILL',
  })
  const [output, [code, signal]] = await Promise.all([text(child.stdout), once(child, 'close')])
  assert.equal(code, 0, signal ? `it did not end within ${SUITE_LIMIT} ms\n${output}` : output)
  assert.match(output, /^# pass [1-9]/m)
}

/** A process in which examples run one after another; one that crashed or hung is replaced. */
export class Runner {
  #child: ChildProcess | null = null
  #output = ''

  /** Runs a program to its end; one that listens is talked to as the conversation says. */
  async run(file: string, conversation: string | null): Promise<void> {
    this.#child ??= this.#start()
    this.#output = ''
    const child = this.#child
    try {
      const answer = this.#answer(child)
      // A folder of its own, for databases and the like.
      child.send({ file, cwd: mkdtempSync(join(dirname(file), 'run-')) })
      const found = await answer
      if ('failed' in found) assert.fail(found.failed)
      if ('port' in found) {
        assert.ok(conversation, 'this example listens, and nothing is asked of it: add <!-- try … -->')
        await converse(found.port, conversation)
      } else assert.equal(conversation, null, 'this example does not listen, so nothing can be asked of it')
    } catch (error) {
      this.end()
      if (error instanceof Error) error.message += this.#output && `\n${this.#output}`
      throw error
    }
  }

  end(): void {
    this.#child?.kill('SIGKILL')
    this.#child = null
  }

  #start(): ChildProcess {
    const child = fork(CHILD, {
      execArgv: ['--disable-warning=ExperimentalWarning', '--disable-warning=STRONGROOM_DEVELOPMENT'],
      env: { ...process.env, NODE_ENV: 'test', STRONGROOM_SECRETS: SECRETS },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk) => {
        this.#output += chunk
      })
    return child
  }

  async #answer(child: ChildProcess): Promise<Answer> {
    const stop = new AbortController()
    const { signal } = stop
    try {
      return await Promise.race([
        once(child, 'message', { signal }).then(([message]) => message as Answer),
        once(child, 'exit', { signal }).then(([code]) => ({ failed: `it ended the process with code ${code}` })),
        wait(LIMIT, { failed: `it neither ended nor listened within ${LIMIT} ms` }, { signal }),
      ])
    } finally {
      stop.abort()
    }
  }
}
