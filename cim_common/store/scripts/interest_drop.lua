-- A server is no longer to be rung, if its entry is still of that generation.
--
-- KEYS  conv, interest (one slot)
-- ARGV  server ("id:epoch"), generation
-- Returns 1 when the entry was removed.

if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('HINCRBY', KEYS[1], 'iv', 1)
return 1
