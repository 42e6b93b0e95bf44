-- Append a batch of messages and changes to their conversations' logs (I1 to I7).
--
-- Loaded twice: with the rules of parts/changes.lua in front, and without them for batches of texts only, which
-- are nearly all.
--
-- KEYS  1 recent; then the push stream of each doorbell; then per message 2: log, conv; then, when its mode is not 0 or
--       u0, the idempotency key; then, when it has an op, 4: overlay, todo, due, members. All keys of one message share a
--       slot, those made here of the names of these two included (interest, strangers' refusals).
-- ARGV  1 now in ms by Redis' clock (as the caller knows it)
--       2 ms one message costs its sender in a conversation, 3 ms of such cost allowed ahead
--       4, 5 the same for a conversation as a whole, 6 the start of Redis (parts/incarnations.lua)
--       7 what goes into `recent`: four bytes for each message (cim_common/store/recent.py)
--       8 arguments per message: 9, or 7 when none in the batch has mode or op
--       9 how many doorbells there are, 10 how many a push stream keeps; then each (cim_common/store/push.py)
--       then per message: three fields of `conv`, "m:user", "o:user" and "s:user:device"; n, after, interest version
--       known to the caller, "length meta+content" (parts/entries.lua),
--       mode (0, or not given: idempotent by n; otherwise the seconds the idempotency key lives; with u in front the
--       message is unmetered: no limit of 2 to 5 is asked, and nothing is added to a debt),
--       op ("" for a text; otherwise JSON: what is changed (parts/changes.lua), `reply` and `ref`: this text
--       answers that one, or `fire`: the member of `due` that this text was scheduled as)
-- Returns one reply per message:
--       seq                                        stored now, nothing else to tell
--       {"N", seq, todo, version, {server, generation, ...}}   stored now; interest that may be newer than the caller's
--       {"D", seq, todo}                           known: it was stored at seq before
--       {"X", code, seq}                           refused for good (seq only with ID_REUSED)
--       {"R", code, ms}                            not now
--       {"U"}                                      cannot be told any more: the chain is trimmed or too long
--       {"C"}                                      there is no such conversation yet
--       {"G"}                                      not scheduled any more: fired or cancelled, or edited since
-- todo is 1 while the lists of members concerned are not known to be written (I13): field `t` names them,
-- "version:user,user;version:user", by the version of the members with which each came to stand there.
--
-- Of a log `l` is the last seq, and `x` counts the entries that are no texts: rarely written, so that texts need not be
-- counted. A message's checks come before its first write. A sender record is "last n, last seq, refusal, cost":
-- refusal is the code with which last n was refused, or 0; cost is when the sender's debt is paid (GCRA).
-- A stranger's refusal is kept in a key of its own for 10 minutes, as "n code"; so long the idempotency key holds minus
-- the code of one, except that of a scheduled message, which `due` remembers.
--
-- A doorbell rings a server for those messages of the batch whose reply is a seq alone: their interest is what the caller
-- knew when it made the doorbell. For {"N", ...} the caller rings. The seqs go beside it, 0 for what is not rung for. It is
-- written last, and may fail: a doorbell never has to arrive (I9).
--
-- Nearly all are texts that follow their sender's last one, by a caller that knows the conversation: `append_next` takes
-- those with three commands and without making tables. Whatever is unusual about a message goes to `append`, which
-- decides from the beginning. What a caller knows it knows by the version `iv`: whatever changes who is interested,
-- the kind, or the lists to be written raises it, and while there are lists to be written no version is given out; so
-- whoever has the newest has nothing to look at there.

local call, byte, sub, match, format = redis.call, string.byte, string.sub, string.match, string.format

local NO_SUCH_CONVERSATION, SUPERSEDED, ID_REUSED = 1003, 1007, 1008
local OUT_OF_ORDER, SENDER_LIMIT, CONVERSATION_LIMIT = 2002, 2003, 2004
local UNMETERED = byte('u')
local MAX_STEPS = 64
local RECENT_KEPT = 16384
local REFUSALS_KEPT_S = 600
local FIXED_KEYS, FIXED_ARGUMENTS = 1, 10
local MAY_WRITE = {[byte('m')] = true, [byte('o')] = true, [byte('a')] = true} -- roles (parts/members.lua)

local now = tonumber(ARGV[1])
local sender_cost, sender_ahead = tonumber(ARGV[2]), tonumber(ARGV[3])
local conversation_cost, conversation_ahead = tonumber(ARGV[4]), tonumber(ARGV[5])
local start = ARGV[6]

local function is_group(conversation) return sub(conversation, 1, 2) == 'g-' end

-- Name the batch in `recent`, once and before its first entry: what comes after it may fail.
local mentioned = false
local function mention()
  mentioned = true
  call('XADD', KEYS[1], 'MAXLEN', '~', RECENT_KEPT, '*', 'c', ARGV[7])
end

-- A debt that begins now, for all in the batch.
local conversation_owes, sender_owes = format('%.1f', now + conversation_cost), format('%.1f', now + sender_cost)

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
local function earlier(message, last_n, last_seq, refusal, todo)
  if message.by_n then
    if message.n <= last_n then
      if message.n == last_n and refusal ~= 0 then return {'X', refusal, 0} end
      return known(message.log, message.n, last_seq, message.content, todo)
    end
    if last_n < message.after then return {'R', OUT_OF_ORDER, 0} end
    return nil
  end
  local seq = tonumber(call('GET', message.idempotency) or 0)
  if seq == 0 then return nil end
  if seq < 0 then return {'X', -seq, 0} end
  local entry = entry_at(message.log, seq)
  if entry and entry.t ~= message.content then return {'X', ID_REUSED, seq} end
  return {'D', seq, todo}
end

-- Refuse, and remember it, so that a late copy is not accepted after the sender has (re)joined (I7).
local function refuse(message, code, has_role, last_seq, debt)
  if message.by_n then
    if has_role then
      call('HSET', message.conv, message.sender_field, format('%d %d %d %.1f', message.n, last_seq, code, debt))
    else
      call('SET', message.refusal, message.n_text .. ' ' .. code, 'EX', REFUSALS_KEPT_S)
    end
  elseif not (message.op and message.op.fire) then
    call('SET', message.idempotency, format('-%d', code), 'EX', REFUSALS_KEPT_S)
  end
  return {'X', code, 0}
end

-- The last n refused to a stranger and why; 0 and 0 if none was.
local function refused_as_stranger(message)
  local kept = call('GET', message.refusal)
  if not kept then return 0, 0 end
  local n, code = match(kept, '^(%d+) (%d+)$')
  return tonumber(n), tonumber(code)
end

-- Carry out what a rule has noted; whether there are lists to be written now (I13).
local function apply_change(a, conversation, waiting)
  for _, command in ipairs(a.commands) do call(unpack(command)) end
  if #a.affected > 0 then
    local version = call('HINCRBY', a.conv, 'v', 1)
    set(a, 't', format('%s%d:%s', waiting and waiting .. ';' or '', version, table.concat(a.affected, ',')))
    call('ZADD', a.todo, now, conversation)
  end
  call('HSET', a.conv, 'mc', format('%d', a.members), unpack(a.fields))
  if #a.affected > 0 or a.dissolved then call('HINCRBY', a.conv, 'iv', 1) end
  return #a.affected > 0
end

-- What a change is decided on (parts/changes.lua).
local function attempt_of(message, head, kind, exists)
  local extra = message.first_key + (message.by_n and 2 or 3)
  return {
    user = message.user, member = member_of(head[7]), kind = kind, exists = exists, start = start,
    seq = tonumber(head[2] or 0) + 1, count = (head[2] or 0) - (head[3] or 0), op = message.op, log = message.log,
    conv = message.conv, overlay = KEYS[extra], todo = KEYS[extra + 1], due = KEYS[extra + 2],
    index = KEYS[extra + 3],
    members = tonumber(call('HGET', message.conv, 'mc') or 0), fields = {}, affected = {}, commands = {},
  }
end

-- One message by its place in KEYS and ARGV.
local function message_at(key, arg, mode, op)
  local log, conv, sender_field = KEYS[key], KEYS[key + 1], ARGV[arg + 2]
  local unmetered = byte(mode) == UNMETERED
  if unmetered then mode = sub(mode, 2) end
  local place, conversation = match(conv, '^conv(:[^:]*:(.*))$')
  local length, at = match(ARGV[arg + 6], '^(%d+) ()')
  return {
    log = log, conv = conv, conversation = conversation, first_key = key, by_n = mode == '0',
    interest = 'int' .. place, refusal = 'snd' .. place .. sub(sender_field, 2), idempotency = KEYS[key + 2],
    user = sub(ARGV[arg], 3), role_field = ARGV[arg], own_field = ARGV[arg + 1], sender_field = sender_field,
    n = tonumber(ARGV[arg + 3]), n_text = ARGV[arg + 3], after = tonumber(ARGV[arg + 4]), version = ARGV[arg + 5],
    data = ARGV[arg + 6], content = sub(ARGV[arg + 6], at + length), mode = mode, unmetered = unmetered,
    op = op ~= '' and cjson.decode(op) or nil,
  }
end

local function append(message)
  local log, conv, conversation, op = message.log, message.conv, message.conversation, message.op
  local head = call('HMGET', conv, 'k', 'l', 'x', 'iv', 't', 'r', message.role_field, message.own_field, 'g',
    message.sender_field)
  local exists = head[1] ~= false
  local creates = op and op.k == CREATED
  -- Groups are made by their CREATED only; that there is none yet is a refusal to be remembered like any other.
  if not exists and not creates and not is_group(conversation) then return {'C'} end
  if exists and head[9] ~= start then look_at_incarnation(conv, start) end
  local kind = head[1] or 'g'
  local todo = head[5] and 1 or 0

  local last_n, last_seq, refusal, debt = 0, 0, 0, 0
  if head[10] then
    local a, b, c, d = match(head[10], '^(%d+) (%d+) (%d+) ([%d.]+)$')
    last_n, last_seq, refusal, debt = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
  elseif message.by_n and is_group(conversation) then
    last_n, refusal = refused_as_stranger(message)
  end
  local reply = earlier(message, last_n, last_seq, refusal, todo)
  if reply then return reply end
  if not exists and not creates then return refuse(message, NO_SUCH_CONVERSATION, false, 0, 0) end

  local code, a
  if op then
    a = attempt_of(message, head, kind, exists)
    if op.fire and not call('ZSCORE', a.due, op.fire) then return {'G'} end
    code = decide(a)
  else
    code = may_not_write(kind, head[7] and sub(head[7], 1, 1))
  end
  if code then return refuse(message, code, not is_group(conversation) or head[7], last_seq, debt) end

  local unmetered, busy = message.unmetered, math.max(tonumber(head[6] or 0), now)
  if not unmetered and busy - now > conversation_ahead then
    return {'R', CONVERSATION_LIMIT, math.ceil(busy - now - conversation_ahead)}
  end
  debt = math.max(debt, now)
  if not unmetered and debt - now > sender_ahead then
    return {'R', SENDER_LIMIT, math.ceil(debt - now - sender_ahead)}
  end

  local seq = tonumber(head[2] or 0) + 1
  local seq_text = format('%d', seq)
  local others, own = tonumber(head[3] or 0), tonumber(head[8] or 0)
  if is_text(message.content) then own = own + 1 else others = others + 1 end
  if not mentioned then mention() end
  call('XADD', log, seq_text .. '-0', 'e',
    message.n_text .. format(' %d %d ', last_seq, seq - others) .. message.data)
  if message.by_n then
    last_n, last_seq = message.n, seq
  else
    call('SET', message.idempotency, seq_text, 'EX', message.mode)
  end
  if not unmetered then busy, debt = busy + conversation_cost, debt + sender_cost end
  call('HSET', conv, 'l', seq_text, 'x', format('%d', others), 'r', format('%.1f', busy),
    message.own_field, format('%d', own), message.sender_field, format('%d %d 0 %.1f', last_n, last_seq, debt))
  if op then
    if op.fire then call('ZREM', a.due, op.fire) end
    if apply_change(a, conversation, head[5]) then todo = 1 end
  end

  if todo == 1 or head[4] ~= message.version then
    return {'N', seq, todo, todo == 0 and head[4] or '-', call('HGETALL', message.interest)}
  end
  return seq
end

local replies = {}
local width, bells = tonumber(ARGV[8]), tonumber(ARGV[9])
local key, arg = FIXED_KEYS + bells + 1, FIXED_ARGUMENTS + bells + 1

-- A text by n that is its sender's next, in a conversation known to the caller; nil, and nothing done, if it is not.
local function append_next()
  local conv, sender_field, n, after = KEYS[key + 1], ARGV[arg + 2], ARGV[arg + 3], ARGV[arg + 4]
  local head = call('HMGET', conv, 'l', 'x', 'iv', 'r', ARGV[arg], ARGV[arg + 1], sender_field)
  local own, record, role = head[6], head[7], head[5] and byte(head[5], 1)
  if not (own and record and head[3] == ARGV[arg + 5] and MAY_WRITE[role]) then return nil end
  local last_n, last_seq, debt = match(record, '^(%d+) (%d+) 0 (.*)$')
  if last_n ~= after or #n < #after or (#n == #after and n <= after) then return nil end
  local busy, owed = conversation_owes, sender_owes
  local ahead = head[4] - now
  if ahead > 0 then
    if ahead > conversation_ahead then return nil end
    busy = format('%.1f', head[4] + conversation_cost)
  end
  ahead = debt - now
  if ahead > 0 then
    if ahead > sender_ahead then return nil end
    owed = format('%.1f', debt + sender_cost)
  end
  local seq = head[1] + 1
  local seq_text = format('%d', seq)
  local count = head[2] == '0' and seq_text or format('%d', seq - head[2])
  if not mentioned then mention() end
  call('XADD', KEYS[key], seq_text .. '-0', 'e', n .. ' ' .. last_seq .. ' ' .. count .. ' ' .. ARGV[arg + 6])
  call('HSET', conv, 'l', seq_text, 'r', busy, ARGV[arg + 1], format('%d', own + 1),
    sender_field, n .. ' ' .. seq_text .. ' 0 ' .. owed)
  return seq
end

while ARGV[arg] do
  local mode, op = '0', ''
  if width == 9 then mode, op = ARGV[arg + 7], ARGV[arg + 8] end
  local seq = mode == '0' and op == '' and append_next()
  replies[#replies + 1] = seq or append(message_at(key, arg, mode, op))
  key, arg = key + 2 + ((mode == '0' or mode == 'u0') and 0 or 1) + (op == '' and 0 or 4), arg + width
end

if bells > 0 then
  local seqs, any = {}, false
  for index, reply in ipairs(replies) do
    local rung = type(reply) == 'number'
    seqs[index], any = rung and reply or 0, any or rung
  end
  local text = table.concat(seqs, ' ')
  for bell = 1, any and bells or 0 do
    redis.pcall('XADD', KEYS[FIXED_KEYS + bell], 'NOMKSTREAM', 'MAXLEN', '~', ARGV[10], '*',
      'd', ARGV[FIXED_ARGUMENTS + bell], 's', text)
  end
end
return replies
