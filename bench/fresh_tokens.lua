-- GET with another token each time. Arguments: a file with one token a line, and the API key.
-- Requests are made before the clock runs: while it does, one costs a look into a table.
local requests, at = {}, 0

function init(args)
  for token in io.lines(args[1]) do
    local headers = { ["Authorization"] = "Bearer " .. token, ["x-api-key"] = args[2] }
    requests[#requests + 1] = wrk.format("GET", nil, headers)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
