-- SPDX-License-Identifier: Apache-2.0
-- wrk's report as one line of numbers; `-- N` pipelines N requests.

function init(args)
	local n = tonumber(args[1] or "1")

	if n > 1 then
		local batch = string.rep(wrk.format(), n)

		request = function() return batch end
	end
end

function done(summary, latency, requests)
	local e = summary.errors

	io.write(string.format("\nresult %d %d %d %d %d\n", summary.requests, summary.duration,
		e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
