-- A device logs in: its session becomes this one (I14).
--
-- KEYS  sessions, devices, conversations of the user (one slot)
-- ARGV  device, session, 1 if the device is ephemeral, now in ms, ms an unused ephemeral device is kept
-- Returns the session it replaces, or "".
--
-- A device record is "base first ephemeral seen": base is the version of the conversation list when the
-- device first came (what is newer starts at its beginning), first is 1 for the user's first device ever
-- (field `#` remembers that there was one). A new device sweeps out ephemeral ones nobody uses any more.

local old = redis.call('HGET', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
local record = redis.call('HGET', KEYS[2], ARGV[1])
local base, first
if record then
  base, first = string.match(record, '^(%d+) (%d)')
else
  base = redis.call('ZSCORE', KEYS[3], '#') or '0'
  first = redis.call('HSETNX', KEYS[2], '#', '0 0 0 0')
  local all = redis.call('HGETALL', KEYS[2])
  for i = 1, #all, 2 do
    local ephemeral, seen = string.match(all[i + 1], '^%d+ %d (%d) (%d+)$')
    if all[i] ~= '#' and ephemeral == '1' and tonumber(seen) < tonumber(ARGV[4]) - tonumber(ARGV[5])
      and redis.call('HEXISTS', KEYS[1], all[i]) == 0 then
      redis.call('HDEL', KEYS[2], all[i])
    end
  end
end
redis.call('HSET', KEYS[2], ARGV[1], table.concat({base, first, ARGV[3], ARGV[4]}, ' '))
return old or ''
