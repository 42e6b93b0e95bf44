-- What is due, by Redis' own clock, in all buckets (one call a bucket on a Redis Cluster).
--
-- KEYS  due of the buckets
-- ARGV  which bucket to begin with (from 0), how many to return at most, and of one bucket
-- Returns {index of the bucket (from 0), member, score}, ...
--
-- Most buckets hold nothing: 32 at once are asked whether they exist, which costs a tenth of looking into each.

local GROUP = 32
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local groups, most, most_each = math.ceil(#KEYS / GROUP), tonumber(ARGV[2]), ARGV[3]
local first = math.floor(tonumber(ARGV[1]) / GROUP)
local found = {}
for group = first, first + groups - 1 do
  local from = (group % groups) * GROUP + 1
  local to = math.min(from + GROUP - 1, #KEYS)
  if redis.call('EXISTS', unpack(KEYS, from, to)) > 0 then
    for i = from, to do
      local flat = redis.call('ZRANGE', KEYS[i], '-inf', now, 'BYSCORE', 'LIMIT', 0, most_each, 'WITHSCORES')
      for j = 1, #flat, 2 do
        if #found >= most then return found end
        found[#found + 1] = {i - 1, flat[j], flat[j + 1]}
      end
    end
  end
end
return found
