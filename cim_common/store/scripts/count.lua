-- How many texts of others stand up to a seq: what a read mark remembers, so that unread ones are a difference.
--
-- KEYS  conv, log (one slot)
-- ARGV  user, seq of the new mark, seq and base of the old one
-- Returns {seq, base, last}: of the new mark, or of one between when more than a thousand entries would have to be looked
-- at (ask again from there); {} when the user takes no part there: others hear of marks.
--
-- base(seq) = texts up to seq - own texts up to seq. Own texts are counted between the mark and the nearer of head
-- and old mark, not at all when there are none above the old one; each entry is so looked at once at most, however
-- often marks move.

local MOST = 1000
local user, seq, old, base = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local head = redis.call('HMGET', KEYS[1], 'l', 'x', 'f', 'k', 'o:' .. user, 'm:' .. user, 'd:' .. user)
local member = member_of(head[6])
local out = not member or member.role == 'l' or member.role == 'x'
if not head[1] or (head[4] ~= 'l' and out) then return {} end
local last, own = tonumber(head[1]), tonumber(head[5] or 0)
local texts = last - tonumber(head[2] or 0)
if member and member.base > base then base = member.base end
if seq > last then seq = last end
if seq <= old then return {old, base, last} end

local function own_texts(from, to)
  local found, at = 0, from
  while at <= to do
    local chunk = redis.call('XRANGE', KEYS[2], string.format('%.0f-0', at), string.format('%.0f-0', to), 'COUNT', 100)
    if #chunk == 0 then break end
    for _, item in ipairs(chunk) do
      local fields = fields_of(item)
      if is_text(fields.t) and string.format('%.0f', meta_number(fields.m, 2)) == user then found = found + 1 end
    end
    at = tonumber(string.match(chunk[#chunk][1], '^%d+')) + 1
  end
  return found
end

local function texts_up_to(at)
  if at >= last then return texts end
  local next_one = redis.call('XRANGE', KEYS[2], string.format('%.0f-0', at + 1), '+', 'COUNT', 1)
  if #next_one == 0 then return texts end
  local fields = fields_of(next_one[1])
  return tonumber(fields.c) - (is_text(fields.t) and 1 or 0)
end

if last - seq <= MOST then
  return {seq, texts_up_to(seq) - (own - own_texts(seq + 1, last)), last}
end
local from = old
-- A member begins where it joined: its base counts up to there.
if member and member.joined - 1 > from then from = member.joined - 1 end
if tonumber(head[3]) - 1 > from then
  -- Retention has passed over the old mark: what is gone counts as read.
  from = tonumber(head[3]) - 1
  base = math.max(base, texts_up_to(from) - tonumber(head[7] or 0))
end
if seq <= from then return {seq, base, last} end
local before = texts_up_to(from)
-- Who has written nothing since, a million messages ago, has none to be looked for.
if before - base == own then return {seq, texts_up_to(seq) - own, last} end
if seq - from > MOST then seq = from + MOST end
return {seq, base + math.max(texts_up_to(seq) - before - own_texts(from + 1, seq), 0), last}
