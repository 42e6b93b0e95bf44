-- A server wants to be rung for a conversation; from the reply on it is (I12).
--
-- KEYS  conv, interest (one slot)
-- ARGV  server ("id:epoch"), generation
-- Returns {last seq, incarnation}, or {} when there is no such conversation.

if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
if redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]) == 1 then redis.call('HINCRBY', KEYS[1], 'iv', 1) end
local head = redis.call('HMGET', KEYS[1], 'l', 'i')
return {tonumber(head[1]), tonumber(head[2])}
