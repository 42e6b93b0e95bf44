-- The lists of those concerned are written: forget the todo, unless there has been another change meanwhile (I13).
--
-- KEYS  conv, todo (one slot)
-- ARGV  conversation, the version of its members that the lists were written with
-- Returns 1 when the todo is gone.
--
-- A version is never given twice, so whoever comes late takes away nothing that it has not done: that the users
-- are the same as those it read would not tell.

local kept = {}
for version, users in string.gmatch(redis.call('HGET', KEYS[1], 't') or '', '(%d+):([^;]+)') do
  if tonumber(version) > tonumber(ARGV[2]) then kept[#kept + 1] = version .. ':' .. users end
end
if #kept > 0 then
  redis.call('HSET', KEYS[1], 't', table.concat(kept, ';'))
  return 0
end
redis.call('HDEL', KEYS[1], 't')
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
