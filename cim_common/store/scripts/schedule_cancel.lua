-- A cancel begins: from here on the message is not edited any more. `due` decides what became of it (I24).
--
-- KEYS  schedules, end, sessions of the user (one slot)
-- ARGV  id, device and session that ask ("": none)
-- Returns {"P", record}, {"E", seq} as schedule_write.lua does, {"N"} when there is none, {"O"}.

if overtaken(KEYS[3], ARGV[2], ARGV[3]) then return {'O'} end
local ended = redis.call('GET', KEYS[2])
if ended then return {'E', tonumber(ended)} end
local s = scheduled_of(redis.call('HGET', KEYS[1], ARGV[1]))
if not s then return {'N'} end
s.cancelling = '1'
local record = scheduled_record(s)
redis.call('HSET', KEYS[1], ARGV[1], record)
return {'P', record}
