-- A device has shown messages: move its cursors and the user's marks forward (I15).
--
-- KEYS  sessions, cursors of the device, marks of the user (one slot)
-- ARGV  device, session, seconds the cursors are kept (0: for good), then pairs conversation, seq
-- Returns 1, or 0 when another session holds the device: then nothing moved.

if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
for i = 4, #ARGV, 2 do
  local seq = tonumber(ARGV[i + 1])
  for _, key in ipairs({KEYS[2], KEYS[3]}) do
    if tonumber(redis.call('HGET', key, ARGV[i]) or 0) < seq then
      redis.call('HSET', key, ARGV[i], ARGV[i + 1])
    end
  end
end
if ARGV[3] ~= '0' then redis.call('EXPIRE', KEYS[2], ARGV[3]) end
return 1
