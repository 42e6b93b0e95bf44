-- A session ends: forget it, if it is still the one (I14), and note when the device was last used.
--
-- KEYS  sessions, devices, account of the user (one slot)
-- ARGV  device, session, now in ms
-- Returns 1 when it was removed.
--
-- The removal comes first: at its memory limit Redis refuses a script whose first write needs memory.

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
note_seen(KEYS[2], KEYS[3], ARGV[1], ARGV[3])
return 1
