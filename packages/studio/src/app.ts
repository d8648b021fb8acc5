import { Hono } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { SessionGoneError } from 'strongroom'
import { assetNamed } from './assets.ts'
import type { Board, BoardOptions, Env, StudioContext } from './board.ts'
import { reporter, type StudioListener } from './events.ts'
import { type Forms, forms } from './forms.ts'
import { type PageName, THEMES, type Theme } from './frame.ts'
import { ask } from './guard.ts'
import { NO_STORE, plain, SECURITY_HEADERS } from './headers.ts'
import { nothing } from './html.ts'
import { fieldsOf, pathBelow } from './mount.ts'
import { advisorPages } from './pages/advisor.ts'
import { doctorPages } from './pages/doctor.ts'
import { everybodyPages } from './pages/everybody.ts'
import { failurePage, missingPage, refusedPage } from './pages/failure.ts'
import { figuresPages } from './pages/figures.ts'
import { labPages } from './pages/lab.ts'
import { overviewPages } from './pages/overview.ts'
import { sessionsPages } from './pages/sessions.ts'
import type { Panels } from './panels.ts'
import type { StudioSessions, VisitorSessions } from './sessions.ts'

const THEME = 'strongroom-studio-theme'

export function createApp(sessions: StudioSessions, options: BoardOptions): Hono<Env> {
  const { guard, write, isApplication, title, on, operators, origin, ...panels } = options
  const report = reporter(on)
  const pages = pagesOf(panels)
  const board: Board = {
    sessions,
    isApplication,
    panels,
    report,
    frame: (c) => ({
      base: c.env.base,
      path: c.req.path,
      theme: themeOf(c),
      operator: c.get('operator'),
      write: c.get('write'),
      title,
      pages,
      token: c.get('token'),
    }),
  }
  const app = new Hono<Env>({ getPath: (request, given) => pathBelow(given?.env?.base ?? '', request) })
  app.onError(async (error, c) => {
    report({ type: 'failed', error, operator: c.get('operator') })
    return failurePage(c, board.frame(c), error)
  })
  app.notFound((c) => missingPage(c, board.frame(c)))
  app.use(admission({ guard, write, operators }, report))
  // Not those of a guard's Response: it is the application's, and may be one whose headers cannot be changed.
  app.use(async (c, next) => {
    await next()
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) c.res.headers.set(name, value)
  })
  app.use(writing(board, forms(operators, origin)))
  addAssets(app)
  addThemes(app)
  for (const add of [overviewPages, sessionsPages, everybodyPages, figuresPages, labPages, advisorPages, doctorPages])
    add(app, board)
  return app
}

function pagesOf({ figures, lab, advisor, doctor }: Panels): PageName[] {
  const there: readonly (readonly [PageName, unknown])[] = [
    ['overview', true],
    ['sessions', true],
    ['figures', figures],
    ['lab', lab],
    ['advisor', advisor],
    ['doctor', doctor],
    ['everybody', true],
  ]
  return there.flatMap(([name, panel]) => (panel ? [name] : []))
}

/** Nothing is sent before the guard has let the request in, not even a style sheet. */
const admission =
  ({ guard, write, operators }: Pick<BoardOptions, 'guard' | 'write' | 'operators'>, report: StudioListener) =>
  async (c: StudioContext, next: () => Promise<void>): Promise<Response | undefined> => {
    c.set('operator', null)
    c.set('write', false)
    c.set('token', nothing)
    try {
      if (!isRead(c)) await loadFresh(operators, c.req.raw)
      const verdict = await ask(guard, c.req.raw)
      if (!verdict.admitted) {
        report({ type: 'refused', reason: 'guard', operator: null })
        // As if there were nothing here.
        return verdict.response ?? plain(404, 'Not Found')
      }
      c.set('operator', verdict.operator)
      c.set('write', write && verdict.write)
    } catch (error) {
      report({ type: 'guardFailed', error })
      return plain(500, 'The guard of this page failed, and nobody was let in. The log of the application says more.')
    }
    await next()
    return undefined
  }

const isRead = (c: StudioContext) => c.req.method === 'GET' || c.req.method === 'HEAD'

/**
 * A guard that goes by the session sees it as it is stored now. From a copy, an operator whose session was ended elsewhere, or who
 * has lost the role, could still end everybody's. One that has ended is anonymous afterwards, for the guard to refuse.
 */
async function loadFresh(operators: VisitorSessions, request: Request): Promise<void> {
  try {
    await operators.get(request, { fresh: true, onStoreError: 'throw' })
  } catch (error) {
    if (!(error instanceof SessionGoneError)) throw error
  }
}

/** A form changes something only where that was allowed, and only when one of our own pages has sent it. */
const writing =
  (board: Board, forms: Forms) =>
  async (c: StudioContext, next: () => Promise<void>): Promise<Response | undefined> => {
    if (isRead(c)) {
      if (c.get('write')) c.set('token', await forms.field(c.req.raw))
      await next()
      return undefined
    }
    const refuse = (reason: 'read-only' | 'forged') => {
      board.report({ type: 'refused', reason, operator: c.get('operator') })
      return refusedPage(c, board.frame(c), reason)
    }
    if (!c.get('write')) return refuse('read-only')
    const fields = await fieldsOf(c.req.raw, c.env)
    if (!(await forms.isOwn(c.req.raw, fields))) return refuse('forged')
    c.set('fields', fields)
    await next()
    return undefined
  }

function addAssets(app: Hono<Env>): void {
  app.get('/assets/:name', (c) => {
    const asset = assetNamed(c.req.param('name'))
    if (!asset) return c.notFound()
    // Private: behind a guard. For good: the address has a digest of the file in it.
    c.header('Cache-Control', 'private, max-age=31536000, immutable')
    return c.body(asset.body, 200, { 'Content-Type': asset.type })
  })
}

const themeOf = (c: StudioContext): Theme => THEMES.find((each) => each === getCookie(c, THEME)) ?? 'system'

/** In a cookie, because the page then has its colours before the first byte of it is drawn. */
function addThemes(app: Hono<Env>): void {
  app.get('/theme/:theme', (c) => {
    const theme = THEMES.find((each) => each === c.req.param('theme'))
    if (!theme) return c.notFound()
    const path = `${c.env.base}/`
    if (theme === 'system') setCookie(c, THEME, '', { path, maxAge: 0 })
    else setCookie(c, THEME, theme, { path, maxAge: 31_536_000, sameSite: 'Strict', httpOnly: true })
    c.header('Cache-Control', NO_STORE)
    // Only the path of a page, never an address that leads elsewhere.
    const from = c.req.query('from') ?? '/'
    return c.redirect(c.env.base + (/^\/[a-z-]*$/.test(from) ? from : '/'), 303)
  })
}
