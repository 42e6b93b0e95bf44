-- A server keeps its push stream and its list of users alive, making them when they are missing.
--
-- KEYS  push stream, online (one slot)
-- ARGV  seconds to live
-- Returns 1 when the stream was there, 0 when it had to be made: what was in it is lost (I9).

local there = redis.call('EXISTS', KEYS[1])
if there == 0 then redis.call('XADD', KEYS[1], 'MAXLEN', '~', 256, '*', 'd', '') end
redis.call('EXPIRE', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[2], ARGV[1])
return there
