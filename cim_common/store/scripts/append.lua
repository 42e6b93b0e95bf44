-- Append a batch of messages and changes to their conversations' logs (I1 to I7).
--
-- Loaded twice: with the rules of parts/changes.lua in front, and without them for batches of texts only, which
-- are nearly all.
--
-- KEYS  per message 5: log, conv, senders, interest, recent; then, when its mode is not 0 or u0, the idempotency
--       key; then, when it has an op, 4: overlay, todo, due, members. All keys of one message share a slot; on a Redis
--       Cluster one call holds messages of one bucket only.
-- ARGV  1 now in ms by Redis' clock (as the caller knows it)
--       2 ms one message costs its sender in a conversation, 3 ms of such cost allowed ahead
--       4, 5 the same for a conversation as a whole, 6 the start of Redis (parts/incarnations.lua)
--       then 10 per message: conversation, user, "user:device", n, after, interest version known to the
--       caller, meta, content, mode (0: idempotent by n; otherwise the seconds the idempotency key lives; with u in
--       front the message is unmetered: no limit of 2 to 5 is asked, and nothing is added to a debt),
--       op ("" for a text; otherwise JSON: what is changed (parts/changes.lua), `reply` and `ref`: this text
--       answers that one, or `fire`: the member of `due` that this text was scheduled as)
-- Returns one reply per message:
--       seq                                        stored now, nothing else to tell
--       {"N", seq, todo, version, {server, generation, ...}}   stored now; interest newer than the caller's
--       {"D", seq, todo}                           known: it was stored at seq before
--       {"X", code, seq}                           refused for good (seq only with ID_REUSED)
--       {"R", code, ms}                            not now
--       {"U"}                                      cannot be told any more: the chain is trimmed or too long
--       {"C"}                                      there is no such conversation yet
--       {"G"}                                      not scheduled any more: fired or cancelled, or edited since
-- todo is 1 while the lists of members concerned are not known to be written (I13): field `t` names them,
-- "version:user,user;version:user", by the version of the members with which each came to stand there.
--
-- A message's checks come before its first write. A sender record is "last n, last seq, refusal, cost":
-- refusal is the code with which last n was refused, or 0; cost is when the sender's debt is paid (GCRA).
-- A stranger's refusal is kept in a key of its own for 10 minutes, as "n code"; so long the idempotency key holds minus
-- the code of one, except that of a scheduled message, which `due` remembers. Seven commands at most for a
-- new text of known interest; a few more for the first after a start of Redis.

local NO_SUCH_CONVERSATION, SUPERSEDED, ID_REUSED = 1003, 1007, 1008
local OUT_OF_ORDER, SENDER_LIMIT, CONVERSATION_LIMIT = 2002, 2003, 2004
local UNMETERED = string.byte('u')
local MAX_STEPS = 64
local RECENT_KEPT = 1000
local REFUSALS_KEPT_S = 600

local now = tonumber(ARGV[1])
local sender_cost, sender_ahead = tonumber(ARGV[2]), tonumber(ARGV[3])
local conversation_cost, conversation_ahead = tonumber(ARGV[4]), tonumber(ARGV[5])
local start = ARGV[6]

local function is_group(conversation) return string.sub(conversation, 1, 2) == 'g-' end

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

-- What an earlier try of the same message has come to; nil when this is the first.
local function earlier(keys, args, last_n, last_seq, refusal, todo)
  local n, content = tonumber(args[4]), args[8]
  if args[9] == '0' then
    if n <= last_n then
      if n == last_n and refusal ~= 0 then return {'X', refusal, 0} end
      return known(keys[1], n, last_seq, content, todo)
    end
    if last_n < tonumber(args[5]) then return {'R', OUT_OF_ORDER, 0} end
    return nil
  end
  local seq = tonumber(redis.call('GET', keys[6]) or 0)
  if seq == 0 then return nil end
  if seq < 0 then return {'X', -seq, 0} end
  local entry = entry_at(keys[1], seq)
  if entry and entry.t ~= content then return {'X', ID_REUSED, seq} end
  return {'D', seq, todo}
end

-- Refuse, and remember it, so that a late copy is not accepted after the sender has (re)joined (I7).
local function refuse(keys, args, op, code, has_role, last_seq, debt)
  if args[9] == '0' then
    if has_role then
      redis.call('HSET', keys[3], args[3], string.format('%s %.0f %d %.1f', args[4], last_seq, code, debt))
    else
      redis.call('SET', keys[3] .. ':' .. args[3], args[4] .. ' ' .. code, 'EX', REFUSALS_KEPT_S)
    end
  elseif not (op and op.fire) then
    redis.call('SET', keys[6], string.format('-%d', code), 'EX', REFUSALS_KEPT_S)
  end
  return {'X', code, 0}
end

-- The last n refused to a stranger and why; 0 and 0 if none was.
local function refused_as_stranger(keys, args)
  local kept = redis.call('GET', keys[3] .. ':' .. args[3])
  if not kept then return 0, 0 end
  local n, code = string.match(kept, '^(%d+) (%d+)$')
  return tonumber(n), tonumber(code)
end

-- Carry out what a rule has noted; whether there are lists to be written now (I13).
local function apply_change(a, conversation, waiting)
  for _, command in ipairs(a.commands) do redis.call(unpack(command)) end
  if #a.affected > 0 then
    local version = redis.call('HINCRBY', a.conv, 'v', 1)
    set(a, 't', string.format('%s%.0f:%s', waiting and waiting .. ';' or '', version, table.concat(a.affected, ',')))
    redis.call('ZADD', a.todo, now, conversation)
  end
  redis.call('HSET', a.conv, 'mc', string.format('%.0f', a.members), unpack(a.fields))
  return #a.affected > 0
end

-- What a change is decided on (parts/changes.lua).
local function attempt_of(keys, args, op, head, kind, exists)
  local extra = args[9] == '0' and 6 or 7
  return {
    user = args[2], member = member_of(head[7]), kind = kind, exists = exists, start = start,
    seq = tonumber(head[2] or 0) + 1, count = tonumber(head[3] or 0), op = op, log = keys[1], conv = keys[2],
    overlay = keys[extra], todo = keys[extra + 1], due = keys[extra + 2],
    index = keys[extra + 3],
    members = tonumber(redis.call('HGET', keys[2], 'mc') or 0), fields = {}, affected = {}, commands = {},
  }
end

local function append(keys, args, unmetered)
  local log, conv, conversation, user, sender, n_text, content, mode = keys[1], keys[2], args[1], args[2], args[3],
    args[4], args[8], args[9]
  local own_count = 'o:' .. user
  local op = args[10] ~= '' and cjson.decode(args[10]) or nil
  local head = redis.call('HMGET', conv, 'k', 'l', 'c', 'iv', 't', 'r', 'm:' .. user, own_count, 'g')
  local exists = head[1] ~= false
  local creates = op and op.k == CREATED
  -- Groups are made by their CREATED only; that there is none yet is a refusal to be remembered like any other.
  if not exists and not creates and not is_group(conversation) then return {'C'} end
  if exists and head[9] ~= start then look_at_incarnation(conv, start) end
  local kind = head[1] or 'g'
  local todo = head[5] and 1 or 0

  local record = redis.call('HGET', keys[3], sender)
  local last_n, last_seq, refusal, debt = 0, 0, 0, 0
  if record then
    local a, b, c, d = string.match(record, '^(%d+) (%d+) (%d+) ([%d.]+)$')
    last_n, last_seq, refusal, debt = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
  elseif mode == '0' and is_group(conversation) then
    last_n, refusal = refused_as_stranger(keys, args)
  end
  local reply = earlier(keys, args, last_n, last_seq, refusal, todo)
  if reply then return reply end
  if not exists and not creates then return refuse(keys, args, op, NO_SUCH_CONVERSATION, false, 0, 0) end

  local code, a
  if op then
    a = attempt_of(keys, args, op, head, kind, exists)
    if op.fire and not redis.call('ZSCORE', a.due, op.fire) then return {'G'} end
    code = decide(a)
  else
    code = may_not_write(kind, head[7] and string.sub(head[7], 1, 1))
  end
  if code then return refuse(keys, args, op, code, not is_group(conversation) or head[7], last_seq, debt) end

  local busy = math.max(tonumber(head[6] or 0), now)
  if not unmetered and busy - now > conversation_ahead then
    return {'R', CONVERSATION_LIMIT, math.ceil(busy - now - conversation_ahead)}
  end
  debt = math.max(debt, now)
  if not unmetered and debt - now > sender_ahead then
    return {'R', SENDER_LIMIT, math.ceil(debt - now - sender_ahead)}
  end

  local seq = tonumber(head[2] or 0) + 1
  local seq_text = string.format('%.0f', seq)
  local count, own = head[3] or '0', head[8] or '0'
  if is_text(content) then
    count, own = string.format('%.0f', tonumber(count) + 1), string.format('%.0f', tonumber(own) + 1)
  end
  redis.call('XADD', log, seq_text .. '-0', 'n', n_text, 'p', string.format('%.0f', last_seq),
    'c', count, 'm', args[7], 't', content)
  redis.call('HSET', conv, 'l', seq_text, 'c', count, own_count, own, 'r',
    string.format('%.1f', unmetered and busy or busy + conversation_cost))
  if op then
    if op.fire then redis.call('ZREM', a.due, op.fire) end
    if apply_change(a, conversation, head[5]) then todo = 1 end
  end
  if mode == '0' then last_n, last_seq = n_text, seq else redis.call('SET', keys[6], seq_text, 'EX', mode) end
  redis.call('HSET', keys[3], sender, string.format('%.0f %.0f 0 %.1f', last_n, last_seq,
    unmetered and debt or debt + sender_cost))
  local counter = tonumber(redis.call('ZINCRBY', keys[5], 1, '#'))
  redis.call('ZADD', keys[5], counter, conversation)
  if counter % 256 == 0 then redis.call('ZREMRANGEBYRANK', keys[5], 0, -(RECENT_KEPT + 2)) end

  if (head[4] or '0') ~= args[6] then
    return {'N', seq, todo, head[4] or '0', redis.call('HGETALL', keys[4])}
  end
  if todo == 1 then return {'N', seq, todo} end
  return seq
end

local replies, key = {}, 1
for arg = 7, #ARGV, 10 do
  local args = {unpack(ARGV, arg, arg + 9)}
  local unmetered = string.byte(args[9]) == UNMETERED
  if unmetered then args[9] = string.sub(args[9], 2) end
  local width = 5 + (args[9] == '0' and 0 or 1) + (args[10] == '' and 0 or 4)
  replies[#replies + 1] = append({unpack(KEYS, key, key + width - 1)}, args, unmetered)
  key = key + width
end
return replies
