-- Read a part of a log as a user may see it, bounded in entries and bytes.
--
-- KEYS  conv, log, overlay (one slot)
-- ARGV  user ("0": the cluster itself, which sees everything), seq to begin with, "up" or "down", most entries,
--       most bytes (at least one entry is returned), "1" for what later changes made of the messages
-- Returns {} if there is no such conversation, {code} if the user may not read it at all, else
--       {head, incarnation, first kept, rewound at, end, more, role,
--        {seq, meta, content, ...}, {first, last, reason, ...}, {seq, state, {emoji, users, mine, ...}, ...}}
-- end   every seq from the first asked for up to it (down to it) is answered, by an entry or a range
-- more  1 while there is something the user may read beyond `end`
-- role  the letter of parts/members.lua, "m" in the lobby
-- state "e<seq>": edited by that entry; "r<seq>": recalled; "": neither. A recalled text is never given out.

local EXPIRED, NOT_A_MEMBER = 1025, 1005
local CHUNK = 32

local user, up = ARGV[1], ARGV[3] == 'up'
local most, most_bytes, current = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6] == '1'
local head = redis.call('HMGET', KEYS[1], 'l', 'i', 'f', 'rw', 'k', 'ov', 'm:' .. user)
if not head[1] then return {} end
local last, first_kept, has_overlay = tonumber(head[1]), tonumber(head[3]), head[6]

local member = member_of(head[7])
if user == '0' or head[5] == 'l' then
  member = {role = member and member.role or 'm', spans = '1-'}
elseif not member then
  return {head[5] == 'd' and 1003 or NOT_A_MEMBER}
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

local function reactions_of(seq)
  local found = {}
  for emoji in string.gmatch(redis.call('HGET', KEYS[3], 'x' .. seq) or '', '[^\n]+') do
    local counts = redis.call('HMGET', KEYS[3], seq .. '\n' .. emoji, seq .. '\n' .. emoji .. '\n' .. user)
    local users = tonumber(counts[1] or 0)
    if users > 0 then
      found[#found + 1], found[#found + 2], found[#found + 3] = emoji, users, counts[2] and 1 or 0
    end
  end
  return found
end

-- Take one entry; false when the page is full without it.
local function take(item, state)
  local fields, seq = fields_of(item), string.match(item[1], '^%d+')
  local content = fields.t
  if state and string.sub(state, 1, 1) == 'r' then content = RECALLED_CONTENT end
  bytes = bytes + #fields.m + #content + 16
  if count > 0 and (bytes > most_bytes or count >= most) then return false end
  count = count + 1
  entries[#entries + 1], entries[#entries + 2], entries[#entries + 3] = tonumber(seq), fields.m, content
  if current and has_overlay then
    local reactions = reactions_of(seq)
    if state or #reactions > 0 then
      states[#states + 1], states[#states + 2], states[#states + 3] = tonumber(seq), state or '', reactions
    end
  end
  return true
end

-- Read from `from` to `to`, both included; returns the last seq taken, nil when nothing more fits.
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
local full, more, start = false, 0, at
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
      if up then gap(at, from - 1, NOT_A_MEMBER) else gap(math.max(from + 1, first_kept), at, NOT_A_MEMBER) end
      at = from
    end
    if (up and at <= last) or (not up and at >= first_kept) then
      local done
      done, full = read(at, to)
      at = done + (up and 1 or -1)
    end
  end
end
if full then more = 1 end
local finish = up and at - 1 or at + 1
return {last, tonumber(head[2]), first_kept, tonumber(head[4] or 0), finish, more, member.role, entries, gaps, states}
