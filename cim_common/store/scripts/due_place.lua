-- Put a scheduled message into `due`, or change the one that is there (I24).
--
-- KEYS  due, idempotency key of the message (one slot)
-- ARGV  member, at, member it replaces ("": none), seconds the key is kept
-- Returns  {"W"}        it waits in `due`
--          {"S", seq}   it was sent before
--          {"R", code}  it was refused when it was due; the owner is being told
--          {"G"}        what it replaces, or itself, is not there any more: cancelled, or changed since
--
-- The idempotency key holds 0 from the first placing on: a late copy of it places nothing after the message was
-- changed or cancelled. append.lua reads a 0 as "not sent", and writes the seq.

local due, key, member, at, replaced, kept = KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if redis.call('ZSCORE', due, member) then return {'W'} end
local seq = tonumber(redis.call('GET', key) or -1)
if seq > 0 then return {'S', seq} end
local refused = redis.call('ZSCORE', due, '!' .. member) or redis.call('ZSCORE', due, '!' .. replaced)
if refused then return {'R', -tonumber(refused)} end
if replaced == '' then
  if seq == 0 then return {'G'} end
  redis.call('SET', key, 0, 'EX', kept)
elseif redis.call('ZREM', due, replaced) == 0 then
  return {'G'}
end
redis.call('ZADD', due, at, member)
return {'W'}
