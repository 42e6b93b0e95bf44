-- Take a scheduled message out of `due`: this decides a cancel (I24).
--
-- KEYS  due, idempotency key of the message (one slot)
-- ARGV  seconds the key is kept, then the members it may stand there as
-- Returns  {"C"}       it was there and is cancelled, or was cancelled before
--          {"S", seq}  it was sent before
--          {"N"}       none of these
--
-- The key then holds 00, which append.lua reads as 0: not sent. It keeps a late copy of the first placing out
-- (due_place.lua), and tells a second cancel what the first has done.

local found = 0
for i = 2, #ARGV do found = found + redis.call('ZREM', KEYS[1], ARGV[i], '!' .. ARGV[i]) end
local state = redis.call('GET', KEYS[2]) or '0'
if tonumber(state) > 0 then return {'S', tonumber(state)} end
if found == 0 and state ~= '00' then
  redis.call('SET', KEYS[2], '0', 'EX', ARGV[1])
  return {'N'}
end
redis.call('SET', KEYS[2], '00', 'EX', ARGV[1])
return {'C'}
