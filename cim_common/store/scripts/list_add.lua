-- Something about a conversation has changed for a user: put it on top of the user's list (I13). Once for each
-- version of its members; doing it again changes nothing.
--
-- KEYS  conversations, sessions, settings of the user (one slot)
-- ARGV  conversation, version of its members
-- Returns {list version of the conversation, {device, session, ...}}: who is to be rung.
--
-- A settings record is "version pinned muted since": the newest version that has been listed, the user's own flags,
-- and the list version at which the conversation first came in (absent where the list does not say).

local version = redis.call('ZSCORE', KEYS[1], ARGV[1])
local record = redis.call('HGET', KEYS[3], ARGV[1])
local listed, flags = string.match(record or '0 0 0', '^(%d+) (.*)$')
if not version or tonumber(listed) < tonumber(ARGV[2]) then
  version = redis.call('ZINCRBY', KEYS[1], 1, '#')
  redis.call('ZADD', KEYS[1], version, ARGV[1])
  if not record then flags = '0 0 ' .. version end
  redis.call('HSET', KEYS[3], ARGV[1], ARGV[2] .. ' ' .. flags)
end
return {tonumber(version), redis.call('HGETALL', KEYS[2])}
