-- A server wants to be rung for a conversation; from the reply on it is (I12).
--
-- KEYS  conv, interest (one slot)
-- ARGV  server ("id:epoch"), generation, the start of Redis (parts/incarnations.lua)
-- Returns {last seq, incarnation, members, {other server, ...}}, or {} when there is no such conversation.

local head = redis.call('HMGET', KEYS[1], 'l', 'mc', 'i', 'g')
if not head[1] then return {} end
local incarnation = head[3]
if head[4] ~= ARGV[3] then
  look_at_incarnation(KEYS[1], ARGV[3])
  incarnation = redis.call('HGET', KEYS[1], 'i')
end
if redis.call('HSET', KEYS[2], ARGV[1], ARGV[2]) == 1 then redis.call('HINCRBY', KEYS[1], 'iv', 1) end
return {tonumber(head[1]), tonumber(incarnation), tonumber(head[2] or 0), redis.call('HKEYS', KEYS[2])}
