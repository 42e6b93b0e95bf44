-- Put a conversation into a user's list; doing it again changes nothing (I13).
--
-- KEYS  conversations, sessions of the user (one slot)
-- ARGV  conversation
-- Returns {list version of the conversation, {device, session, ...}}: who is to be rung.

local version = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not version then
  version = redis.call('ZINCRBY', KEYS[1], 1, '#')
  redis.call('ZADD', KEYS[1], version, ARGV[1])
end
return {tonumber(version), redis.call('HGETALL', KEYS[2])}
