#!lua flags=allow-oom
-- One at a time: take or keep a lock that ends by itself, or give it up (compare and delete).
--
-- KEYS  lock
-- ARGV  owner, ms it lasts (0: give it up)
-- Returns 1 when the owner holds it now.
--
-- It may write at the memory limit: what the lock is for, retention, makes room.

local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
if ARGV[2] ~= '0' then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
if owner then redis.call('DEL', KEYS[1]) end
return 0
