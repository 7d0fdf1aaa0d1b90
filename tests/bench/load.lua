-- wrk: one address with the tokens of many users in turn; prints what it measured as one line of JSON.
--   wrk -t1 -c50 -d5s -s load.lua http://127.0.0.1:8080 -- /v1/orders FILE     (FILE: one token a line)
local requests, n = {}, 0

function init(args)
    for token in io.lines(args[2]) do
        requests[#requests + 1] = wrk.format("GET", args[1], { Authorization = "Bearer " .. token })
    end
end

function request()
    n = n % #requests + 1
    return requests[n]
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format('{"seconds":%f,"requests":%d,"bytes":%d,"refused":%d,"broken":%d,"p50_ms":%f,"p95_ms":%f,"p99_ms":%f,"max_ms":%f}\n',
        summary.duration / 1e6, summary.requests, summary.bytes, e.status, e.connect + e.read + e.write + e.timeout,
        latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
