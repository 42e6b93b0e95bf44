-- A user has read up to a seq: move the read mark, forward only.
--
-- KEYS  marks of the user
-- ARGV  conversation, seq, base (scripts/count.lua)
-- Returns the seq of the mark.

local old = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '0 0', '^%d+')
if tonumber(old) >= tonumber(ARGV[2]) then return tonumber(old) end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. ARGV[3])
return tonumber(ARGV[2])
