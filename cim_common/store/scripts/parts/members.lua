-- Member records, field `m:<user>` of a conversation: "role spans base joined".
--
-- role    o(wner), a(dmin), m(ember), b(locked: reads, but may not write), l (has left), x (banned from a group)
-- spans   what the user may read: "12-40,57-", inclusive; an open one is being written to; "-" for nothing
-- base    texts of others when the user joined: where counting unread ones begins
-- joined  seq of the entry by which the user came in last

local MAX_SPANS = 8 -- of a user who comes and goes more often the oldest are forgotten

local function member_of(record)
  if not record then return nil end
  local role, spans, base, joined = string.match(record, '^(%a) (%S+) (%d+) (%d+)$')
  return {role = role, spans = spans, base = tonumber(base), joined = tonumber(joined)}
end

local function record_of(member)
  return string.format('%s %s %.0f %.0f', member.role, member.spans, member.base, member.joined)
end

-- The code that keeps a user of that role (nil: a stranger) from writing in a d(irect conversation), g(roup), the
-- l(obby) or a dissolved group (z); nil if nothing does.
local function may_not_write(kind, role)
  if kind == 'z' then return 1023 end -- DISSOLVED
  if role == 'm' or role == 'o' or role == 'a' then return nil end
  if role == 'b' or role == 'x' then return 1006 end -- BLOCKED
  if kind ~= 'l' then return 1005 end -- NOT_A_MEMBER
end

local function open_span(spans, first)
  local kept = {}
  for span in string.gmatch(spans, '%d+%-%d+') do kept[#kept + 1] = span end
  while #kept >= MAX_SPANS do table.remove(kept, 1) end
  kept[#kept + 1] = string.format('%.0f-', first)
  return table.concat(kept, ',')
end

local function close_span(spans, last)
  if string.match(spans, '%d%-$') then return string.format('%s%.0f', spans, last) end
  return spans
end

-- The spans as pairs of numbers; an open one ends at infinity.
local function spans_of(spans)
  local found = {}
  for first, last in string.gmatch(spans, '(%d+)%-(%d*)') do
    found[#found + 1] = {tonumber(first), last == '' and math.huge or tonumber(last)}
  end
  return found
end

local function may_read(member, seq)
  for _, span in ipairs(spans_of(member.spans)) do
    if seq >= span[1] and seq <= span[2] then return true end
  end
  return false
end
