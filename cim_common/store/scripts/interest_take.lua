-- A server wants to be rung for a conversation; from the reply on it is (I12).
--
-- KEYS  conv, interest (one slot)
-- ARGV  server ("id:epoch"), generation, the start of Redis (parts/incarnations.lua)
-- Returns {last seq, incarnation, members, {other server, ...}}, or {} when there is no such conversation.

if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
look_at_incarnation(KEYS[1], ARGV[3])
if redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]) == 1 then redis.call('HINCRBY', KEYS[1], 'iv', 1) end
local head = redis.call('HMGET', KEYS[1], 'l', 'i', 'mc')
return {tonumber(head[1]), tonumber(head[2]), tonumber(head[3] or 0), redis.call('HKEYS', KEYS[2])}
