-- The members' lists are written: forget the todo, unless the conversation has changed meanwhile (I13).
--
-- KEYS  conv, todo (one slot)
-- ARGV  conversation, member version whose lists were written
-- Returns 1 when the todo is gone.

local version = redis.call('HGET', KEYS[1], 'v')
if version and version ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], 't')
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
