-- Write a scheduled message, or a new text and time for one, into its owner's records (I24). `due` comes after.
--
-- KEYS  schedules, end, sessions of the user (one slot): `end` says what became of this id
-- ARGV  id, a new revision, conversation, at, text, now, how many may wait, device and session that ask ("": none)
-- Returns  {"W", record}   to be placed in `due`: new, changed, or the same as asked for before
--          {"P", record}   an earlier change, or a cancel, is to be finished first
--          {"E", seq}      it has ended: sent at seq, 0 cancelled, minus the code of a refusal
--          {"L"}           too many wait
--          {"B"}           the id belongs to a message for another conversation
--          {"O"}           the device has connected elsewhere

if overtaken(KEYS[3], ARGV[8], ARGV[9]) then return {'O'} end
local ended = redis.call('GET', KEYS[2])
if ended then return {'E', tonumber(ended)} end
local found = redis.call('HGET', KEYS[1], ARGV[1])
local s = scheduled_of(found)
if not s then
  if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[7]) then return {'L'} end
  s = {previous = '-', born = ARGV[6], conversation = ARGV[3]}
else
  if s.conversation ~= ARGV[3] then return {'B'} end
  if s.cancelling == '1' then return {'P', found} end
  if s.text == ARGV[5] and s.at == ARGV[4] then return {'W', found} end
  if s.placed == '0' then return {'P', found} end
  s.previous = s.revision
end
s.revision, s.placed, s.cancelling, s.at, s.made, s.text = ARGV[2], '0', '0', ARGV[4], ARGV[6], ARGV[5]
local record = scheduled_record(s)
redis.call('HSET', KEYS[1], ARGV[1], record)
return {'W', record}
