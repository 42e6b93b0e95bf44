-- Create a direct conversation, once (I13).
--
-- KEYS  conv, todo (one slot)
-- ARGV  conversation, now in ms, incarnation, the start of Redis (parts/incarnations.lua), then user and name of each
--       member (one pair for one's notes)
-- Returns 1 when it was created by this call, 0 when it existed.
--
-- The `t` field names the members whose lists are still to be written, and the todo entry that there are such.

-- What every append looks at comes first: Redis searches a small hash from its beginning.

if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local fields = {'k', 'd', 'l', 0, 'x', 0, 'iv', 0, 'r', 0}
local names, users = {}, {}
for i = 5, #ARGV, 2 do
  users[#users + 1] = ARGV[i]
  fields[#fields + 1] = 'm:' .. ARGV[i]
  fields[#fields + 1] = 'm 1- 0 0'
  names[#names + 1] = 'n:' .. ARGV[i]
  names[#names + 1] = ARGV[i + 1]
end
redis.call('HSET', KEYS[1], unpack(fields))
redis.call('HSET', KEYS[1], 'v', 1, 'f', 1, 'i', ARGV[3], 'g', ARGV[4], 'mc', #users, unpack(names))
redis.call('HSET', KEYS[1], 't', '1:' .. table.concat(users, ','))
redis.call('ZADD', KEYS[2], ARGV[2], ARGV[1])
return 1
