/** Runs examples, one after another, as run.ts sends them. */
import assert from 'node:assert/strict'
import { type AddressInfo, Server } from 'node:net'
import { pathToFileURL } from 'node:url'

Object.assign(globalThis, {
  __is: (actual: unknown, expected: unknown) => assert.deepEqual(actual, expected),
  __throws: (call: () => Promise<unknown>, name: string) => assert.rejects(call, { name }),
})

export type Answer = { readonly port: number } | { readonly ended: true } | { readonly failed: string }
const answer = (message: Answer) => process.send?.(message)

// Whatever port an example names, it gets a free one of this machine, and the parent learns which.
const open = new Set<Server>()
const { listen } = Server.prototype
Server.prototype.listen = function (this: Server, ...args: unknown[]) {
  const callback = args.findLast((arg) => typeof arg === 'function') as (() => void) | undefined
  open.add(this)
  this.once('listening', () => answer({ port: (this.address() as AddressInfo).port }))
  return listen.call(this, { port: 0, host: '127.0.0.1' }, callback)
} as typeof listen

process.on('message', async ({ file, cwd }: { file: string; cwd: string }) => {
  process.chdir(cwd)
  try {
    const { default: app } = await import(pathToFileURL(file).href)
    // A Fetch handler that is the default export is served by Bun and Deno, and so by us.
    if (typeof app?.fetch === 'function') (await import('@hono/node-server')).serve({ fetch: app.fetch })
    if (open.size === 0) answer({ ended: true })
  } catch (error) {
    answer({ failed: error instanceof Error ? String(error.stack) : String(error) })
  }
  open.clear()
})
