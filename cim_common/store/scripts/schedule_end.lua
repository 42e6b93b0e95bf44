-- A scheduled message has ended: drop its record and remember for a while what became of it (I24).
--
-- KEYS  schedules, end of the user (one slot)
-- ARGV  id, outcome (the seq it was sent at, 0 cancelled, minus the code of a refusal), seconds it is remembered,
--       the revision this is true of ("": of any)
-- Returns 1, or 0 when the record is of another revision.

if ARGV[4] ~= '' then
  local s = scheduled_of(redis.call('HGET', KEYS[1], ARGV[1]))
  if s and s.revision ~= ARGV[4] then return 0 end
end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3], 'NX')
return 1
