-- A session ends: forget it, if it is still the one (I14).
--
-- KEYS  sessions of the user
-- ARGV  device, session
-- Returns 1 when it was removed.

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
return redis.call('HDEL', KEYS[1], ARGV[1])
