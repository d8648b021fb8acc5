-- Runs in wrk: every request has the newest cookie of the next visitor, as a browser's has.
-- Argument: a file with one Cookie header per line, in the order of the visitors' indexes. It is written again at the end,
-- because the next slice's visitors are the same.
local requests, turn, threads = {}, 0, {}
-- Global, because wrk copies only those from its thread.
cookies, file, changed, strangers = {}, "", false, 0

local function prepare(index, cookie)
  cookies[index] = cookie
  requests[index] = wrk.format(nil, nil, { Cookie = cookie })
end

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  wrk.headers["Host"] = wrk.host
  file = args[1]
  for cookie in io.lines(file) do prepare(#requests + 1, cookie) end
  io.stderr:write("ready\n")
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

-- Every body has the visitor's index as its first number, unless the session was not asked for or is lost.
-- Of two Set-Cookie lines wrk shows the last: the visitors of cookie-session, who have two cookies, keep those of their login.
function response(_, headers, body)
  local index, line = tonumber(body:match("%d+")), headers["Set-Cookie"]
  if not index then strangers = strangers + 1 end
  if not index or not line or cookies[index + 1]:find("; ", 1, true) then return end
  local cookie = line:match("^[^;]+")
  if cookie == cookies[index + 1] then return end
  prepare(index + 1, cookie)
  changed = true
end

function done(summary)
  local thread, e = threads[1], summary.errors
  if thread:get("changed") then
    local out = assert(io.open(thread:get("file"), "w"))
    out:write(table.concat(thread:get("cookies"), "\n"), "\n")
    out:close()
  end
  io.stderr:write(string.format('{"requests":%d,"us":%d,"errors":%d,"strangers":%d}\n',
    summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout, thread:get("strangers")))
end
