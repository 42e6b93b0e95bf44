-- A scheduled message was refused: it is not fired any more, and its owner is to be told (I24).
--
-- KEYS  due
-- ARGV  member, code
-- Returns 1, or 0 when the member was not there any more.
--
-- What is to be told stands in `due` as "!member" with minus the code for its time, so that every sweep finds it.

if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('ZADD', KEYS[1], -tonumber(ARGV[2]), '!' .. ARGV[1])
return 1
