-- Append a batch of messages to their conversations' logs (I1 to I7).
--
-- KEYS  per message 5: log, conv, senders, interest, recent; one more, the idempotency key, when the
--       message's mode is not 0. All keys of one message share a slot; on a Redis Cluster one call holds
--       messages of one bucket only.
-- ARGV  1 now in ms by Redis' clock (as the caller knows it)
--       2 ms one message costs its sender in a conversation, 3 ms of such cost allowed ahead
--       4, 5 the same for a conversation as a whole
--       then 9 per message: conversation, user, "user:device", n, after, interest version known to the
--       caller, meta, content, mode (0: idempotent by n; otherwise the seconds the idempotency key lives)
-- Returns one reply per message:
--       seq                                        stored now, nothing else to tell
--       {"N", seq, todo, version, {server, generation, ...}}   stored now; interest newer than the caller's
--       {"D", seq, todo}                           known: it was stored at seq before
--       {"X", code, seq}                           refused for good (seq only with ID_REUSED)
--       {"R", code, ms}                            not now
--       {"U"}                                      cannot be told any more: the chain is trimmed or too long
--       {"C"}                                      there is no such conversation yet
-- todo is 1 while the members' lists of a new conversation are not known to be written (I13).
--
-- A message's checks come before its first write. A sender record is "last n, last seq, refusal, cost":
-- refusal is the code with which last n was refused, or 0; cost is when the sender's debt is paid (GCRA).
-- Seven commands at most for a new message of known interest.

local NOT_A_MEMBER, BLOCKED, SUPERSEDED, ID_REUSED = 1005, 1006, 1007, 1008
local OUT_OF_ORDER, SENDER_LIMIT, CONVERSATION_LIMIT = 2002, 2003, 2004
local MAX_STEPS = 64
local RECENT_KEPT = 1000

local now = tonumber(ARGV[1])
local sender_cost, sender_ahead = tonumber(ARGV[2]), tonumber(ARGV[3])
local conversation_cost, conversation_ahead = tonumber(ARGV[4]), tonumber(ARGV[5])

local function entry_at(log, seq)
  local id = string.format('%.0f-0', seq)
  local found = redis.call('XRANGE', log, id, id)
  if #found == 0 then return nil end
  local fields = {}
  for i = 1, #found[1][2], 2 do fields[found[1][2][i]] = found[1][2][i + 1] end
  return fields
end

-- A resent n: walk the device's chain back from its last entry (I4, I5, I6).
local function known(log, n, seq, content, todo)
  for _ = 1, MAX_STEPS do
    if seq == 0 then return {'X', SUPERSEDED, 0} end
    local entry = entry_at(log, seq)
    if not entry then return {'U'} end
    local at = tonumber(entry.n)
    if at == n then
      if entry.t == content then return {'D', seq, todo} end
      return {'X', ID_REUSED, seq}
    end
    if at < n then return {'X', SUPERSEDED, 0} end
    seq = tonumber(entry.p)
  end
  return {'U'}
end

local function append(keys, args)
  local log, conv, senders, interest, recent, idempotency = unpack(keys)
  local conversation, user, sender, n_text, after_text, version, meta, content, mode = unpack(args)
  local head = redis.call('HMGET', conv, 'k', 'l', 'c', 'iv', 't', 'r', 'm:' .. user)
  local kind, role = head[1], head[7]
  if not kind then return {'C'} end
  local todo = head[5] and 1 or 0

  local n = tonumber(n_text)
  local record = redis.call('HGET', senders, sender)
  local last_n, last_seq, refusal, debt = 0, 0, 0, 0
  if record then
    local a, b, c, d = string.match(record, '^(%d+) (%d+) (%d+) ([%d.]+)$')
    last_n, last_seq, refusal, debt = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
  end

  if mode == '0' then
    if n <= last_n then
      if n == last_n and refusal ~= 0 then return {'X', refusal, 0} end
      return known(log, n, last_seq, content, todo)
    end
    if last_n < tonumber(after_text) then return {'R', OUT_OF_ORDER, 0} end
  else
    local seq = tonumber(redis.call('GET', idempotency) or 0)
    if seq ~= 0 then
      local entry = entry_at(log, seq)
      if entry and entry.t ~= content then return {'X', ID_REUSED, seq} end
      return {'D', seq, todo}
    end
  end

  local refused = nil
  if role == 'b' then refused = BLOCKED
  elseif kind ~= 'l' and not role then refused = NOT_A_MEMBER end
  if refused then
    -- Only members leave a trace: who is none of a direct conversation can never become one.
    if role and mode == '0' then
      redis.call('HSET', senders, sender, string.format('%.0f %.0f %d %.1f', n, last_seq, refused, debt))
    end
    return {'X', refused, 0}
  end

  local busy = math.max(tonumber(head[6] or 0), now)
  if busy - now > conversation_ahead then
    return {'R', CONVERSATION_LIMIT, math.ceil(busy - now - conversation_ahead)}
  end
  debt = math.max(debt, now)
  if debt - now > sender_ahead then
    return {'R', SENDER_LIMIT, math.ceil(debt - now - sender_ahead)}
  end

  local seq = tonumber(head[2]) + 1
  local seq_text = string.format('%.0f', seq)
  local count = string.format('%.0f', tonumber(head[3]) + 1)
  redis.call('XADD', log, seq_text .. '-0', 'n', n_text, 'p', string.format('%.0f', last_seq),
    'c', count, 'm', meta, 't', content)
  redis.call('HSET', conv, 'l', seq_text, 'c', count, 'r', string.format('%.1f', busy + conversation_cost))
  if mode == '0' then last_n, last_seq = n, seq else redis.call('SET', idempotency, seq_text, 'EX', mode) end
  redis.call('HSET', senders, sender,
    string.format('%.0f %.0f 0 %.1f', last_n, last_seq, debt + sender_cost))
  local counter = tonumber(redis.call('ZINCRBY', recent, 1, '#'))
  redis.call('ZADD', recent, counter, conversation)
  if counter % 256 == 0 then redis.call('ZREMRANGEBYRANK', recent, 0, -(RECENT_KEPT + 2)) end

  if head[4] ~= version then
    return {'N', seq, todo, head[4], redis.call('HGETALL', interest)}
  end
  if todo == 1 then return {'N', seq, todo} end
  return seq
end

local replies, key = {}, 1
for arg = 6, #ARGV, 9 do
  local width = ARGV[arg + 8] == '0' and 5 or 6
  replies[#replies + 1] = append({unpack(KEYS, key, key + width - 1)}, {unpack(ARGV, arg, arg + 8)})
  key = key + width
end
return replies
