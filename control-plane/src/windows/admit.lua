-- Counts a call in with all of its limits, or with none.
--
-- KEYS: a hash for each limit.
-- ARGV: the present in Unix milliseconds (0: by this server's clock), the tokens that the call
--       reserves, then requests and tokens per minute of each limit (0: any number), and 1 if nothing
--       is to be counted, only seen whether it could be.
-- Gives the place of the limit that refuses the call (0: none does), 1 if for its tokens, the
-- milliseconds until it would not, the present, then the levels of requests and tokens of each limit,
-- or of the one that refuses.
--
-- The buckets are those of tollgate_policy::limits::Bucket: whole numbers, of which a limit of n loses
-- n in a millisecond.

local PERIOD_MS = 60000

local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local costs = {1, tonumber(ARGV[2])}

local answer = {0, 0, 0, now}
local writes = {}
for place, key in ipairs(KEYS) do
  local was = redis.call('HMGET', key, 'at', 'requests', 'requests_empty', 'tokens', 'tokens_empty')
  local passed = math.max(0, now - (was[1] or now))
  local before, after, empty, lasts_ms = {}, {}, {}, PERIOD_MS
  for kind = 1, 2 do
    local limit = tonumber(ARGV[2 * place + kind])
    before[kind] = limit > 0 and math.max(0, (was[2 * kind] or 0) - passed * limit) or 0
    empty[kind] = before[kind] == 0 and now or math.min(was[2 * kind + 1] or now, now)
    after[kind] = before[kind] + math.min(costs[kind], limit) * PERIOD_MS
    local over = after[kind] - limit * PERIOD_MS
    if over > 0 and answer[1] == 0 then
      answer = {place, kind - 1, math.ceil(over / limit), now}
    end
    if limit > 0 then
      lasts_ms = math.max(lasts_ms, math.ceil(after[kind] / limit))
    end
  end
  if answer[1] ~= 0 then
    answer[5], answer[6] = before[1], before[2]
    return answer
  end
  answer[#answer + 1] = after[1]
  answer[#answer + 1] = after[2]
  writes[place] = {
    'at', now, 'requests', after[1], 'requests_empty', empty[1], 'tokens', after[2],
    'tokens_empty', empty[2], lasts_ms = lasts_ms,
  }
end
if ARGV[2 * #KEYS + 3] == '1' then return answer end
for place, key in ipairs(KEYS) do
  redis.call('HSET', key, unpack(writes[place]))
  redis.call('PEXPIRE', key, writes[place].lasts_ms)
end
return answer
