-- A log is shorter than somebody knows it: it is another one from here on (I22).
--
-- KEYS  conv
-- ARGV  incarnation as the caller knows it, the new one, the seq up to which the caller knows the log
-- Returns {last seq, incarnation}, or {} when there is no such conversation.
--
-- Nothing changes when the log has grown as far as the caller knows it: what made it look shorter was a head read
-- before what the caller knows was appended.

local head = redis.call('HMGET', KEYS[1], 'l', 'i')
if not head[1] then return {} end
if head[2] ~= ARGV[1] or tonumber(head[1]) >= tonumber(ARGV[3]) then return {tonumber(head[1]), tonumber(head[2])} end
begin_incarnation(KEYS[1], head[2], head[1], ARGV[2])
return {tonumber(head[1]), tonumber(ARGV[2])}
