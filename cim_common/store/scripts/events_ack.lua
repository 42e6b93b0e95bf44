-- A program without the SDK has taken its events up to these positions: move them, forward only.
--
-- KEYS  event positions of the device
-- ARGV  conversation, seq, incarnation, ... (the caller has made sure that the log has got so far)
-- Returns the record of each conversation, "seq incarnation", as it is now; "" where the device has no position.

local found = {}
for i = 1, #ARGV, 3 do
  local record = redis.call('HGET', KEYS[1], ARGV[i]) or ''
  local seq, incarnation = string.match(record, '^(%d+) (%d+)$')
  if seq and (incarnation ~= ARGV[i + 2] or tonumber(seq) < tonumber(ARGV[i + 1])) then
    record = ARGV[i + 1] .. ' ' .. ARGV[i + 2]
    redis.call('HSET', KEYS[1], ARGV[i], record)
  end
  found[#found + 1] = record
end
return found
