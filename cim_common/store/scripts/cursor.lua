-- A device has shown messages: move its cursors forward (I15).
--
-- KEYS  sessions, cursors of the device (one slot)
-- ARGV  device, session, seconds the cursors are kept (0: for good), then pairs conversation, seq
-- Returns 1, or 0 when another session holds the device: then nothing moved.

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
for i = 4, #ARGV, 2 do
  if tonumber(redis.call('HGET', KEYS[2], ARGV[i]) or 0) < tonumber(ARGV[i + 1]) then
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  end
end
if ARGV[3] ~= '0' then redis.call('EXPIRE', KEYS[2], ARGV[3]) end
return 1
