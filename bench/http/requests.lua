-- Runs in wrk: every request has the next visitor's cookie.
-- Arguments: a file with one Cookie header per line, in the order of the visitors' indexes; "jar" to use new cookies.
local requests, turn = {}, 0

local function prepare(index, cookie)
  requests[index] = wrk.format(nil, nil, { Cookie = cookie })
end

-- A visitor whose session is in the cookie comes back with the cookie that the last response set.
local function take(_, headers, body)
  local index, cookie = body:match('"value":(%d+)'), headers["Set-Cookie"]
  if index and cookie then prepare(tonumber(index) + 1, cookie:match("^[^;]+")) end
end

function init(args)
  wrk.headers["Host"] = wrk.host
  for cookie in io.lines(args[1]) do prepare(#requests + 1, cookie) end
  if args[2] == "jar" then response = take end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary)
  local e = summary.errors
  io.stderr:write(string.format('{"requests":%d,"us":%d,"errors":%d}\n',
    summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout))
end
