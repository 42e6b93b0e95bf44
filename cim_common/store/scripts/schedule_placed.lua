-- `due` holds the revision: remember that, if the record is still of that revision (I24).
--
-- KEYS  schedules of the user
-- ARGV  id, revision

local s = scheduled_of(redis.call('HGET', KEYS[1], ARGV[1]))
if not s or s.revision ~= ARGV[2] then return 0 end
s.placed, s.previous = '1', '-'
redis.call('HSET', KEYS[1], ARGV[1], scheduled_record(s))
return 1
