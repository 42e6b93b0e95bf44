-- A connected session says that it is there, and hears how things stand.
--
-- KEYS  sessions, devices, conversations, account of the user (one slot)
-- ARGV  device, session, now in ms
-- Returns {session that holds the device or "", version a login of it carries, version of the conversation list,
--          1 if the user gives no receipts}
--
-- At Redis' memory limit the note is refused; what was asked is answered all the same.

local holder = redis.call('HGET', KEYS[1], ARGV[1])
if holder == ARGV[2] then pcall(note_seen, KEYS[2], KEYS[4], ARGV[1], ARGV[3]) end
return {
  holder or '', login_version(KEYS[4], ARGV[1]), tonumber(redis.call('ZSCORE', KEYS[3], '#') or 0),
  redis.call('HEXISTS', KEYS[4], 'no_receipts'),
}
