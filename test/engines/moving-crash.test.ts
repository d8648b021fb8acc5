import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { move, moving } from '../../packages/strongroom/src/engines/moving/moving.ts'
import { storeFromUrl } from '../../packages/strongroom/src/engines/url.ts'
import type { Entry, IndexedStore, ScannableStore } from '../../packages/strongroom/src/store.ts'
import { everyByte, fill, HOUR, newOwner } from '../../packages/strongroom/src/testing/store/entries.ts'
import { holds } from '../../packages/strongroom/src/testing/store/expect.ts'

type Whole = IndexedStore & ScannableStore

const mover = fileURLToPath(new URL('./moving/mover.ts', import.meta.url))

/** True when it was killed; false when it finished before that. */
async function diesAfter(calls: number, from: string, to: string): Promise<boolean> {
  const flags = ['--disable-warning=ExperimentalWarning', mover, from, to, `${calls}`]
  const child = spawn(process.execPath, flags, { stdio: 'inherit' })
  const [code, signal] = await once(child, 'exit')
  assert.ok(signal === 'SIGKILL' || code === 0, `the mover ended with ${code}`)
  return signal === 'SIGKILL'
}

for (const [from, to] of [
  ['sqlite', 'file'],
  ['file', 'sqlite'],
] as const) {
  describe(`a mover from ${from} to ${to} that is killed`, () => {
    const newUrls = async () => {
      const dir = await mkdtemp(join(tmpdir(), 'strongroom-moving-'))
      const url = (engine: string) => `${engine}:${join(dir, engine)}${engine === 'file' ? '?durable=false' : ''}`
      return { urls: [url(from), url(to)] as const, remove: () => rm(dir, { recursive: true }) }
    }
    const open = (urls: readonly [string, string]) => {
      const [old, next] = urls.map((url) => storeFromUrl(url) as Whole) as [Whole, Whole]
      const close = () => Promise.all([old.close(), next.close()])
      return { old, next, store: moving({ from: old, to: next }), close }
    }
    const entryAt = (index: number): Entry => ({
      bytes: Buffer.concat([Buffer.from(`session ${index} `), everyByte()]),
      owner: newOwner(),
      label: everyByte(),
      createdAt: Date.now(),
      expiresAt: Date.now() + HOUR,
    })

    it('at any of its calls leaves every session whole and usable, and the next mover goes on', async () => {
      for (let calls = 4, killed = true; killed; calls += 1) {
        const { urls, remove } = await newUrls()
        const before = open(urls)
        const entries = [0, 1].map(entryAt)
        const ids = await fill(before.old, 2, (index) => entries[index] as Entry)
        await before.close()
        killed = await diesAfter(calls, ...urls)
        const after = open(urls)
        for (const [index, id] of ids.entries()) await holds(after.store, id, entries[index] as Entry)
        const [kept, ended] = ids
        assert.ok(kept && ended)
        const changed = { ...(entries[0] as Entry), bytes: Buffer.from(`used after ${calls}`) }
        const version = (await after.store.read(kept))?.version ?? ''
        assert.notEqual(await after.store.update(kept, changed, version), null)
        assert.equal(await after.store.delete(ended), true)
        const { remaining, failed } = await move({ from: after.old, to: after.next })
        assert.deepEqual([remaining, failed], [0, 0])
        await holds(after.next, kept, changed)
        assert.equal(await after.store.read(ended), null)
        assert.equal(await after.old.read(ended), null)
        await after.close()
        await remove()
      }
    })

    it('again and again in the middle of many sessions loses none of them', async () => {
      const { urls, remove } = await newUrls()
      const before = open(urls)
      const entries = Array.from({ length: 150 }, (_, index) => entryAt(index))
      const ids = await fill(before.old, 150, (index) => entries[index] as Entry)
      await before.close()
      let kills = 0
      while (await diesAfter(60 + kills * 37, ...urls)) kills += 1
      assert.ok(kills >= 3, `${kills} kills`)
      const { old, next, close } = open(urls)
      for await (const page of old.scan()) assert.deepEqual(page, [])
      for (const [index, id] of ids.entries()) await holds(next, id, entries[index] as Entry)
      await close()
      await remove()
    })
  })
}
