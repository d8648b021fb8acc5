/** A difference that is meant to be. Each must occur, and nothing else may. */
export interface Exception {
  /** Titles of cases. */
  readonly cases: RegExp
  /** Which request, and what of it: as in `4 /destroy: cookies`. */
  readonly at: RegExp
  readonly real: RegExp
  readonly ours: RegExp
}

const REMOVED = /^\S+ removed; Expires=past; HttpOnly; Path=\/$/
const NONE = /^$/
const ENDS =
  /^(?:destroy|a login and a logout|unset: destroy|mounted twice|name|ids|maxAge 0 and below|chains|a cookie that a copy)/
const OWN_NAMES = /^a key named "(?:~flash)?"$/
const METHODS = /^a key named "(?:save|touch|cookie)"$/

/** Reasons, as docs/express-session.md gives them, and what each of them explains. */
export const EXCEPTIONS: Readonly<Record<string, readonly Exception[]>> = {
  'The cookie of a session that has ended is removed from the browser.': [
    { cases: ENDS, at: /(?:destroy|logout|null|unset|zero|negative)\S*: cookies$/, real: NONE, ours: REMOVED },
    { cases: /^random: /, at: /cookies$/, real: NONE, ours: REMOVED },
  ],
  'What has ended stays ended: a save after destroy() is an error, and brings nothing back.': [
    { cases: /^chains/, at: /^17 \/destroy-then-save: handler$/, real: /^saved$/, ours: /^error$/ },
    { cases: /^chains/, at: /^(?:18|19|21) \S+: response$/, real: /"zombie":true/, ours: /^200 \{(?!.*zombie)/ },
    { cases: /^chains/, at: /^19 \/write: cookies$/, real: NONE, ours: /^connect\.sid; HttpOnly; Path=\/$/ },
  ],
  'save() and reload() return the session, as all other methods do.': [
    {
      cases: /^(?:save|reload|reload and destroy of.*) (?:\(|$)|^reload and destroy/,
      at: /\/(?:save|reload): handler$/,
      real: /^returns itself false/,
      ours: /^returns itself true/,
    },
    { cases: /^chains/, at: /touch-save: handler$/, real: /^true true false$/, ours: /^true true true$/ },
  ],
  'secure: auto is resolved where cookie is a function, too.': [
    {
      cases: /^cookie: a function, and secure: auto/,
      at: /cookies$/,
      real: NONE,
      ours: /^connect\.sid; HttpOnly; Path/,
    },
  ],
  'What JSON cannot hold gets a response, with the error, instead of none.': [
    { cases: /a circle$|a BigInt$/, at: /\/value: response$/, real: /^0 no response$/, ours: /^500 failed$/ },
    { cases: /a circle$|a BigInt$/, at: /\/value: handler$/, real: /hangs$/, ours: /^error handler true$/ },
  ],
  'An object that is no session gets a response, with the error, instead of none.': [
    { cases: /^req\.session replaced/, at: /replace: response$/, real: /^0 no response$/, ours: /^500 failed$/ },
    { cases: /^req\.session replaced/, at: /replace: handler$/, real: /hangs$/, ours: /^error handler true$/ },
  ],
  'A method of req.session that is overwritten with data is harmless, and the data are not saved.': [
    { cases: METHODS, at: /set: response$/, real: /^0 no response$/, ours: /^(?:200 set|500 failed)$/ },
    { cases: METHODS, at: /set: handler$/, real: /hangs$/, ours: /^(?:error handler true)?$/ },
    { cases: /^a key named "(?:id|req)"$/, at: /set: handler$/, real: /^throws$/, ours: NONE },
    {
      cases: /^a key named "(?:id|req|save)"$/,
      at: /get: handler$/,
      real: /^true /,
      ours: /^false (?:string|object|function)$/,
    },
  ],
  'A key must not be empty or begin with ~, which is an error.': [
    { cases: OWN_NAMES, at: /set: response$/, real: /^200 set$/, ours: /^500 failed$/ },
    { cases: OWN_NAMES, at: /set: handler$/, real: NONE, ours: /^error handler true$/ },
    { cases: OWN_NAMES, at: /get: handler$/, real: /^true string$/, ours: /^false undefined$/ },
    { cases: OWN_NAMES, at: /4 \/: response$/, real: /:"data"\}$/, ours: /^200 \{"a":1\}$/ },
  ],
  'The methods of req.session are those of its class, and its cookie has a class of its own.': [
    { cases: /^own properties/, at: /keys: handler$/, real: /Session object Object/, ours: /Session object Cookie/ },
  ],
  'Of several cookies of one name, that of a live session counts, whichever comes first.': [
    { cases: /comes after a wrong one$/, at: /^3 \/: response$/, real: /^200 \{\}$/, ours: /^200 \{"a":1\}$/ },
  ],
}
