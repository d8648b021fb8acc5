import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isPast, momentIn } from '../../packages/strongroom/src/base/retry.ts'
import { FileLocks } from '../../packages/strongroom/src/engines/file/lock.ts'
import { StoreError } from '../../packages/strongroom/src/errors.ts'

const USER = fileURLToPath(new URL('./file/lock-user.ts', import.meta.url))
const VISITS = 20

describe('file locks', () => {
  /** Runs the check with locks in a new directory, and with what opens more of them and starts processes that use them. */
  type Opened = Awaited<ReturnType<typeof open>>
  const withLocks = async (check: (given: Opened) => Promise<void>) => {
    const given = await open()
    try {
      await check(given)
    } finally {
      await given.close()
    }
  }
  const open = async () => {
    const directory = await mkdtemp(join(tmpdir(), 'strongroom-locks-'))
    const log = join(directory, 'log')
    const opened: FileLocks[] = []
    const children: ChildProcess[] = []
    const another = () => {
      const locks = new FileLocks(directory, 20_000)
      opened.push(locks)
      return {
        take: <T>(work: () => Promise<T>, ms = 20_000) => locks.withLock('00', { until: momentIn(ms) }, work),
        takeFor: <T>(session: string, work: () => Promise<T>, ms = 20_000) =>
          locks.withLock('00', { until: momentIn(ms), session }, work),
      }
    }
    const start = (role: 'holder' | 'hammer') => {
      const child = fork(USER, [directory, role, log], { execArgv: ['--disable-warning=ExperimentalWarning'] })
      children.push(child)
      return child
    }
    const kill = async (child: ChildProcess) => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    const close = async () => {
      for (const child of children) await kill(child)
      for (const locks of opened) await locks.close()
      await rm(directory, { recursive: true })
    }
    return { directory, log, another, start, kill, close }
  }

  /** Is somebody waiting? */
  const isGateHeld = (directory: string) => {
    if (!existsSync(join(directory, '00.gate'))) return false
    const gate = new DatabaseSync(join(directory, '00.gate'), { timeout: 0 })
    try {
      gate.exec('BEGIN IMMEDIATE')
      return false
    } catch {
      return true
    } finally {
      gate.close()
    }
  }
  const someoneWaits = async (directory: string) => {
    for (const late = momentIn(20_000); !isGateHeld(directory); await wait(1)) {
      assert.ok(!isPast(late), 'nobody waits at the gate')
    }
  }

  /**
   * Takes the lock now and then, beside one that takes it all the time and notes an `h` whenever it has it. Checks how often
   * that was while we waited: never, if there is a queue, or once, because the other process read that nobody waits just before we did.
   */
  const checkTurns = async (
    locks: ReturnType<Opened['another']>,
    note: (letter: string) => void,
    notes: () => string,
  ) => {
    for (let visits = 0; visits < VISITS; visits += 1) {
      await wait(5)
      note('(')
      await locks.take(async () => note(')'))
    }
    const overtakers = [...notes().matchAll(/\((h*)\)/g)].map(([, all = '']) => all.length)
    assert.equal(overtakers.length, VISITS)
    const sum = overtakers.reduce((before, count) => before + count, 0)
    assert.ok(sum <= VISITS, `others came first: ${overtakers.join(', ')}`)
  }

  it('are shared by turns with a process that never rests: one of its holds at most, on average, comes first', () =>
    withLocks(async ({ another, start, log }) => {
      await once(start('hammer'), 'message')
      await checkTurns(
        another(),
        (letter) => appendFileSync(log, letter),
        () => readFileSync(log, 'utf8'),
      )
    }))

  it('are shared by turns with a store of the same process that never rests', () =>
    withLocks(async ({ another }) => {
      const hammer = another()
      let notes = ''
      let isOver = false
      const hold = async () => {
        notes += 'h'
        await turn()
      }
      const busy = Array.from({ length: 8 }, async () => {
        while (!isOver) await hammer.take(hold)
      })
      const note = (letter: string) => {
        notes += letter
      }
      try {
        await checkTurns(another(), note, () => notes)
      } finally {
        isOver = true
        await Promise.all(busy)
      }
    }))

  it('go to the next one when a process that waits for them is killed', () =>
    withLocks(async ({ another, start, kill, directory }) => {
      const [first, second] = [another(), another()]
      await first.take(async () => {
        const waiter = start('holder')
        await someoneWaits(directory)
        await kill(waiter)
        assert.equal(isGateHeld(directory), false)
      })
      assert.equal(await second.take(async () => 'taken'), 'taken')
    }))

  it('go to the one that waits when the process that holds them is killed', () =>
    withLocks(async ({ another, start, kill, directory }) => {
      const holder = start('holder')
      await once(holder, 'message')
      const taken = another().take(async () => 'taken')
      await someoneWaits(directory)
      await kill(holder)
      assert.equal(await taken, 'taken')
    }))

  it('pass by a process that waits for them and was stopped, and are not slowed down by it', async (test) => {
    if (process.platform === 'win32') return test.skip('Windows has no SIGSTOP')
    await withLocks(async ({ another, start, directory }) => {
      const [first, second] = [another(), another()]
      await first.take(async () => {
        const waiter = start('holder')
        await someoneWaits(directory)
        waiter.kill('SIGSTOP')
        // It stops a moment later, and must not get the lock before that.
        await wait(50)
      })
      const began = performance.now()
      for (let times = 0; times < 100; times += 1) {
        for (const each of [first, second]) assert.equal(await each.take(async () => 'taken', 2000), 'taken')
      }
      assert.ok(performance.now() - began < 5000)
    })
  })

  it('cost nothing more while nobody waits: no gate is opened, and no journal is written', () =>
    withLocks(async ({ another, directory }) => {
      const locks = another()
      for (let times = 0; times < 3; times += 1) {
        assert.deepEqual(await locks.take(async () => readdirSync(directory)), ['00'])
      }
    }))

  it('are not taken by one whose time is up, who leaves the gate to the next', () =>
    withLocks(async ({ another, directory }) => {
      const [holder, impatient, next] = [another(), another(), another()]
      let taken: Promise<string> | undefined
      await holder.take(async () => {
        await assert.rejects(
          impatient.take(async () => assert.fail('it is held'), 50),
          StoreError,
        )
        assert.equal(isGateHeld(directory), false)
        taken = next.take(async () => 'taken')
        await someoneWaits(directory)
      })
      assert.equal(await taken, 'taken')
    }))

  /** Asks for the lock for each of these sessions, or with '' for no session. Resolves to which of them had it together. */
  const turnsOf = async ({ take, takeFor }: ReturnType<Opened['another']>, sessions: readonly string[]) => {
    const turns: string[][] = []
    let isHeld = false
    const work = async (session: string) => {
      if (!isHeld) turns.push([])
      turns.at(-1)?.push(session)
      isHeld = true
      await turn()
      isHeld = false
    }
    await Promise.all(sessions.map((each) => (each ? takeFor(each, () => work(each)) : take(() => work(each)))))
    return turns
  }

  it('are shared by tasks of different sessions that ask for one in the same turn of the event loop, or while it is held', () =>
    withLocks(async ({ another }) => {
      const locks = another()
      assert.deepEqual(await turnsOf(locks, ['a', 'b', 'c']), [['a', 'b', 'c']])
      const later = await locks.take(async () => {
        const asked = turnsOf(locks, ['a', 'b'])
        for (let turns = 0; turns < 3; turns += 1) await turn()
        return { asked }
      })
      assert.deepEqual(await later.asked, [['a', 'b']])
    }))

  it('are never shared by two tasks of one session, nor by a task that changes several, and the order stays', () =>
    withLocks(async ({ another }) => {
      const turns = await turnsOf(another(), ['a', 'b', 'a', 'c', '', 'd', '', '', 'b', 'd'])
      assert.deepEqual(turns, [['a', 'b'], ['a', 'c'], [''], ['d'], [''], [''], ['b', 'd']])
    }))

  it('are shared by eight tasks at most, so that other processes do not wait for very many', () =>
    withLocks(async ({ another }) => {
      const turns = await turnsOf(another(), Array.from('abcdefghijklmnopqrst'))
      assert.deepEqual(
        turns.map(({ length }) => length),
        [8, 8, 4],
      )
    }))

  it('are held until the slowest task of a turn has ended, and a task that fails does not fail the others', () =>
    withLocks(async ({ another }) => {
      const [locks, other] = [another(), another()]
      const notes: string[] = []
      const failed = locks.takeFor('a', async () => assert.fail('on purpose'))
      const slow = locks.takeFor('b', async () => {
        await wait(50)
        notes.push('slow')
      })
      await assert.rejects(failed, /on purpose/)
      await other.take(async () => void notes.push('other'))
      await slow
      assert.deepEqual(notes, ['slow', 'other'])
    }))
})
