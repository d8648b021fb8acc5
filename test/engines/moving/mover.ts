/** `mover.ts FROM TO CALLS`: moves sessions, and kills itself right after that many calls to the two stores have returned. */
import { move } from '../../../packages/strongroom/src/engines/moving/moving.ts'
import { storeFromUrl } from '../../../packages/strongroom/src/engines/url.ts'
import type { ScannableStore } from '../../../packages/strongroom/src/store.ts'

const [from = '', to = '', calls = ''] = process.argv.slice(2)
let left = Number(calls)

function mortal(url: string): ScannableStore {
  const store = storeFromUrl(url) as ScannableStore
  const methods = ['create', 'read', 'update', 'touch', 'delete']
  return new Proxy(store, {
    get(target, name) {
      const found = Reflect.get(target, name)
      if (typeof found !== 'function') return found
      if (!methods.includes(String(name))) return found.bind(target)
      return async (...given: unknown[]) => {
        const result = await found.apply(target, given)
        left -= 1
        if (left === 0) process.kill(process.pid, 'SIGKILL')
        return result
      }
    },
  })
}

const stores = { from: mortal(from), to: mortal(to) }
await move(stores)
await stores.from.close()
await stores.to.close()
