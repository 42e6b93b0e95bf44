-- Read a part of a log as a user may see it, bounded in entries and bytes.
--
-- KEYS  conv, log, overlay (one slot)
-- ARGV  user ("0": the cluster itself, which sees everything), seq to begin with, "up" or "down", most entries,
--       most bytes (at least one entry is returned), "1" for what later changes made of the messages
-- Returns {} if there is no such conversation, {code} if the user may not read it at all, else
--       {head, incarnation, first kept, end, more, role,
--        {seq, meta, content, ...}, {first, last, reason, ...},
--        {seq, seq of the last edit, its content, {emoji, users, mine, ...}, ...}}
-- end   every seq from the first asked for up to it (down to it) is answered, by an entry or a range
-- more  1 while there is something the user may read beyond `end`
-- role  the letter of parts/members.lua, "m" in the lobby
--
-- The overlay says of a message "e<seq>": edited by that entry, "r<seq>": recalled. A recalled text is never given out,
-- nor are its edits. An edit from when the user could not read shows nothing of itself (I20): seq 0, as for none.

local EXPIRED, NOT_A_MEMBER = 1025, 1005
local CHUNK = 32

local user, up = ARGV[1], ARGV[3] == 'up'
local most, most_bytes, current = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6] == '1'
local head = redis.call('HMGET', KEYS[1], 'l', 'i', 'f', 'k', 'ov', 'm:' .. user)
if not head[1] then return {} end
local last, first_kept, has_overlay = tonumber(head[1]), tonumber(head[3]), head[5]

local member = member_of(head[6])
if user == '0' or head[4] == 'l' then
  member = {role = member and member.role or 'm', spans = '1-'}
elseif not member then
  return {head[4] == 'd' and 1003 or NOT_A_MEMBER}
end
local spans = spans_of(member.spans)

local entries, gaps, states, count, bytes = {}, {}, {}, 0, 0

local function gap(first, final, reason)
  if final < first then return end
  gaps[#gaps + 1], gaps[#gaps + 2], gaps[#gaps + 3] = first, final, reason
end

-- Where reading goes on from `at`: the first seq, going up, that the user may read, or the last one, going down.
local function readable(at)
  if up then
    for _, span in ipairs(spans) do
      if at <= span[2] then return math.max(at, span[1]), math.min(span[2], last) end
    end
  else
    for i = #spans, 1, -1 do
      if at >= spans[i][1] then return math.min(at, spans[i][2]), math.max(spans[i][1], first_kept) end
    end
  end
  return nil
end

-- What a later edit has made of a message: its seq and content; 0 and "" for none.
local function edit_of(state)
  local seq = state and string.sub(state, 1, 1) == 'e' and tonumber(string.sub(state, 2)) or 0
  local entry = seq > 0 and may_read(member, seq) and entry_at(KEYS[2], seq)
  if not entry then return 0, '' end
  return seq, entry.t
end

local function reactions_of(seq)
  local found, size = {}, 0
  for emoji in string.gmatch(redis.call('HGET', KEYS[3], 'x' .. seq) or '', '[^\n]+') do
    local counts = redis.call('HMGET', KEYS[3], seq .. '\n' .. emoji, seq .. '\n' .. emoji .. '\n' .. user)
    local users = tonumber(counts[1] or 0)
    if users > 0 then
      found[#found + 1], found[#found + 2], found[#found + 3] = emoji, users, counts[2] and 1 or 0
      size = size + #emoji + 16
    end
  end
  return found, size
end

local function is_recalled(state) return state and string.sub(state, 1, 1) == 'r' end

-- Take one entry; false when the page is full without it.
local function take(item, state)
  local fields, seq = fields_of(item), string.match(item[1], '^%d+')
  local content = fields.t
  if has_overlay and is_edit(content) then
    -- Whether a message that retention has removed was recalled before is not known any more.
    local ref = meta_number(content, 18)
    state = ref < first_kept and 'r' or redis.call('HGET', KEYS[3], string.format('%.0f', ref))
  end
  if is_recalled(state) then content = recalled(content) end
  local size = #fields.m + #content + 16
  local edit, edited, reactions, reactions_size
  if current and has_overlay and is_text(fields.t) then
    edit, edited = edit_of(state)
    reactions, reactions_size = reactions_of(seq)
    size = size + #edited + reactions_size
  end
  bytes = bytes + size
  if count > 0 and (bytes > most_bytes or count >= most) then return false end
  count = count + 1
  entries[#entries + 1], entries[#entries + 2], entries[#entries + 3] = tonumber(seq), fields.m, content
  if reactions and (edit > 0 or #reactions > 0) then
    for _, part in ipairs({tonumber(seq), edit, edited, reactions}) do states[#states + 1] = part end
  end
  return true
end

-- Read from `from` to `to`, both included; returns the last seq taken, and whether the page is full.
local function read(from, to)
  local at = from
  while (up and at <= to) or (not up and at >= to) do
    local chunk = redis.call(up and 'XRANGE' or 'XREVRANGE', KEYS[2], string.format('%.0f-0', at),
      string.format('%.0f-0', to), 'COUNT', CHUNK)
    if #chunk == 0 then return to, false end
    local wanted, found = {}, {}
    for i, item in ipairs(chunk) do wanted[i] = string.match(item[1], '^%d+') end
    if has_overlay then found = redis.call('HMGET', KEYS[3], unpack(wanted)) end
    for i, item in ipairs(chunk) do
      if not take(item, found[i]) then return tonumber(wanted[i]) + (up and -1 or 1), true end
    end
    at = tonumber(wanted[#wanted]) + (up and 1 or -1)
  end
  return to, false
end

local at = tonumber(ARGV[2])
if not up then at = math.min(at, last) end
local full = false
while not full and ((up and at <= last) or (not up and at >= 1)) do
  if at < first_kept then
    if up then
      gap(at, math.min(first_kept - 1, last), EXPIRED)
      at = first_kept
    else
      gap(1, at, EXPIRED)
      at = 0
    end
  else
    local from, to = readable(at)
    if not from then break end
    if up and from > last then from = last + 1 end
    if from ~= at then
      if up then
        gap(at, from - 1, NOT_A_MEMBER)
        at = from
      else
        gap(math.max(from + 1, first_kept), at, NOT_A_MEMBER)
        at = math.max(from, first_kept - 1)
      end
    end
    if (up and at <= last) or (not up and at >= first_kept) then
      local done
      done, full = read(at, to)
      at = done + (up and 1 or -1)
    end
  end
end
local finish = up and at - 1 or at + 1
return {last, tonumber(head[2]), first_kept, finish, full and 1 or 0, member.role, entries, gaps, states}
