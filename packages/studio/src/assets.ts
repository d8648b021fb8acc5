import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface Asset {
  readonly type: string
  readonly body: string
}

/** Beside `src` and, in the package, beside `dist`. */
const own = (name: string) => fileURLToPath(new URL(`../assets/${name}`, import.meta.url))
const uplot = (name: string) => fileURLToPath(import.meta.resolve(`uplot/dist/${name}`))

const FILES: Readonly<Record<string, readonly [path: () => string, type: string]>> = {
  'studio.css': [() => own('studio.css'), 'text/css; charset=utf-8'],
  'devices.css': [() => own('devices.css'), 'text/css; charset=utf-8'],
  'figures.js': [() => own('figures.js'), 'text/javascript; charset=utf-8'],
  'icon.svg': [() => own('icon.svg'), 'image/svg+xml'],
  'uplot.js': [() => uplot('uPlot.iife.min.js'), 'text/javascript; charset=utf-8'],
  'uplot.css': [() => uplot('uPlot.min.css'), 'text/css; charset=utf-8'],
}

const loaded = new Map<string, Asset & { readonly hash: string }>()

function load(name: string): (Asset & { readonly hash: string }) | undefined {
  const found = loaded.get(name)
  const file = Object.hasOwn(FILES, name) ? FILES[name] : undefined
  if (found || !file) return found
  const [path, type] = file
  const body = readFileSync(path(), 'utf8')
  const hash = createHash('sha256').update(body).digest('base64url').slice(0, 12)
  const asset = { type, body, hash }
  loaded.set(name, asset)
  return asset
}

/** The file with that name, read once; undefined for one that the studio does not have. */
export const assetNamed = (name: string): Asset | undefined => load(name)

/** With a digest of the file, so that a browser may keep it for good and still gets the next version. */
export const assetUrl = (base: string, name: string): string => `${base}/assets/${name}?v=${load(name)?.hash}`
