-- End what a device was given: its session tokens, its connect tokens.
--
-- KEYS  account, devices, sessions of the user (one slot)
-- ARGV  device, 1 if it must be one that has connected
-- Returns {logouts since all tokens were ended, the session that holds the device or ""}; {} for an unknown device.
--
-- The session stays until its server was told: whoever is interrupted in between does this again, and finds it.

local record = redis.call('HGET', KEYS[2], ARGV[1])
if ARGV[2] == '1' and not record then return {} end
redis.call('HINCRBY', KEYS[1], 't:' .. ARGV[1], 1)
if record and string.sub(record, -2) ~= ' o' then redis.call('HSET', KEYS[2], ARGV[1], record .. ' o') end
return {redis.call('HINCRBY', KEYS[1], 'outs', 1), redis.call('HGET', KEYS[3], ARGV[1]) or ''}
