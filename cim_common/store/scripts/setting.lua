-- A user pins or mutes a conversation, or takes it back; the conversation moves up in the list (list_add.lua), so
-- that every device of the user learns it.
--
-- KEYS  conversations, sessions, settings of the user (one slot)
-- ARGV  conversation, "pinned" or "muted", 1 or 0, 1 if the conversation need not stand in the list
-- Returns {list version, {device, session, ...}}: who is to be rung; {0} when it was so already; {} when the
-- conversation is not in the list.

if ARGV[4] == '0' and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return {} end
local record = redis.call('HGET', KEYS[3], ARGV[1])
local listed, pinned, muted, since = string.match(record or '0 0 0', '^(%d+) (%d) (%d)(.*)$')
local before = pinned .. muted
if ARGV[2] == 'pinned' then pinned = ARGV[3] else muted = ARGV[3] end
if before == pinned .. muted then return {0} end
local version = redis.call('ZINCRBY', KEYS[1], 1, '#')
redis.call('ZADD', KEYS[1], version, ARGV[1])
redis.call('HSET', KEYS[3], ARGV[1], table.concat({listed, pinned, muted}, ' ') .. since)
return {tonumber(version), redis.call('HGETALL', KEYS[2])}
