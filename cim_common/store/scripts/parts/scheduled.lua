-- Records of scheduled messages, by id in a hash per user:
-- "revision previous placed cancelling at made born conversation text".
--
-- revision    names this text and time; random, so that none ever comes again
-- previous    the revision this one replaces in `due`, "-" for none
-- placed      1 once `due` is known to hold the revision; until then nobody was told DONE
-- cancelling  1 from when a cancel was asked for: nothing but its end follows
-- at          when the message is due; made, born: when this revision, and the first, were written (ms)

local function scheduled_of(record)
  if not record then return nil end
  local revision, previous, placed, cancelling, at, made, born, conversation, text =
    string.match(record, '^(%S+) (%S+) (%d) (%d) (%d+) (%d+) (%d+) (%S+) (.*)$')
  return {revision = revision, previous = previous, placed = placed, cancelling = cancelling, at = at, made = made,
    born = born, conversation = conversation, text = text}
end

local function scheduled_record(s)
  return table.concat({s.revision, s.previous, s.placed, s.cancelling, s.at, s.made, s.born, s.conversation, s.text},
    ' ')
end

-- Whether the device that asks has connected elsewhere since: what it asked here comes too late.
local function overtaken(sessions, device, session)
  local holder = device ~= '' and redis.call('HGET', sessions, device)
  return holder and holder ~= session
end
