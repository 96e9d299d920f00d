-- Corrects what a call has taken of its limits by what it used, once for each call.
--
-- KEYS: a mark that it was done, then a hash for each limit.
-- ARGV: the present in Unix milliseconds (0: by this server's clock), the tokens that the call had
--       reserved, when that was, the tokens that it used, 1 if it never was a request, then requests
--       and tokens per minute of each limit.
-- What is not used is taken out again, unless all of it has run out meanwhile: then it is others' now.

local PERIOD_MS = 60000
-- How much a call can leave behind that used more than it had reserved.
local DEBT_PERIODS = 10
-- Usage comes again as long as nobody has said that it is booked.
local MARK_MS = 24 * 60 * 60 * 1000

if not redis.call('SET', KEYS[1], 1, 'NX', 'PX', MARK_MS) then return 0 end

local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local reserved_at = tonumber(ARGV[3])
local reserved = {1, tonumber(ARGV[2])}
local used = {ARGV[5] == '1' and 0 or 1, tonumber(ARGV[4])}

for place = 1, #KEYS - 1 do
  local key = KEYS[place + 1]
  local was = redis.call('HMGET', key, 'at', 'requests', 'requests_empty', 'tokens', 'tokens_empty')
  local passed = math.max(0, now - (was[1] or now))
  local level, empty, lasts_ms = {}, {}, PERIOD_MS
  for kind = 1, 2 do
    local limit = tonumber(ARGV[2 * place + 3 + kind])
    level[kind] = limit > 0 and math.max(0, (was[2 * kind] or 0) - passed * limit) or 0
    empty[kind] = level[kind] == 0 and now or math.min(was[2 * kind + 1] or now, now)
    local held = math.min(reserved[kind], limit)
    if limit > 0 and used[kind] >= held then
      local more = level[kind] + (used[kind] - held) * PERIOD_MS
      level[kind] = math.min(more, math.max(limit * PERIOD_MS * DEBT_PERIODS, level[kind]))
    elseif limit > 0 and empty[kind] <= reserved_at then
      level[kind] = math.max(0, level[kind] - (held - used[kind]) * PERIOD_MS)
    end
    if limit > 0 then
      lasts_ms = math.max(lasts_ms, math.ceil(level[kind] / limit))
    end
  end
  redis.call('HSET', key, 'at', now, 'requests', level[1], 'requests_empty', empty[1],
    'tokens', level[2], 'tokens_empty', empty[2])
  redis.call('PEXPIRE', key, lasts_ms)
end
return 1
