-- The lists of those concerned are written: forget the todo, unless others have been added meanwhile (I13).
--
-- KEYS  conv, todo (one slot)
-- ARGV  conversation, the users whose lists were written, as field `t` named them
-- Returns 1 when the todo is gone.

local waiting = redis.call('HGET', KEYS[1], 't')
if waiting and waiting ~= ARGV[2] then
  -- What came meanwhile stands behind what was done.
  if string.sub(waiting, 1, #ARGV[2] + 1) == ARGV[2] .. ',' then
    redis.call('HSET', KEYS[1], 't', string.sub(waiting, #ARGV[2] + 2))
  end
  return 0
end
redis.call('HDEL', KEYS[1], 't')
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
