-- Retention: remove the oldest entries of a log, a bounded number of them.
--
-- KEYS  conv, log (one slot)
-- ARGV  ms by Redis' clock before which entries are too old (0: age does not matter), how many newest ones are kept
--       at most (0: any number), most entries to remove now
-- Returns {} if there is no such conversation, else {first kept, removed, more, overlay}
-- more     1 when there may be more to remove
-- overlay  1 when it may still hold fields of removed messages
--
-- The last entry stays whatever the rule says: the log is never empty, so ids keep rising and heads can be read.
-- `f` rises in the same step in which entries go, so a page never misses what it does not call expired (I23).
-- `fc` and `d:<user>` count the texts removed, all and each user's own: where counting unread ones begins (I21).

local MOST_BYTES = 262144 -- read in one call; entries up to 16 KiB must not hold Redis up
local CHUNK = 100

local before, kept, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local head = redis.call('HMGET', KEYS[1], 'l', 'f', 'ov', 'of', 'pins')
if not head[1] then return {} end
local last, first = tonumber(head[1]), tonumber(head[2])
local surplus = kept > 0 and last - kept or 0

local function is_surplus(seq, fields)
  return seq <= surplus or (before > 0 and meta_number(fields.m, 6) < before)
end

local at, stop = first, math.min(last - 1, first + most - 1)
if before == 0 then stop = math.min(stop, surplus) end
local bytes, count, own, settled, size = 0, nil, {}, false, 1

local function look_at(chunk)
  for _, item in ipairs(chunk) do
    local fields, seq = fields_of(item), tonumber(string.match(item[1], '^%d+'))
    if not is_surplus(seq, fields) then
      settled = true
      return
    end
    at, count, bytes = seq + 1, fields.c, bytes + #fields.m + #fields.t
    if is_text(fields.t) then
      local user = string.format('%.0f', meta_number(fields.m, 2))
      own[user] = (own[user] or 0) + 1
    end
    if bytes > MOST_BYTES then return end
  end
end

while at <= stop and bytes <= MOST_BYTES and not settled do
  local chunk = redis.call('XRANGE', KEYS[2], string.format('%.0f-0', at), string.format('%.0f-0', stop), 'COUNT', size)
  if #chunk == 0 then
    settled = true
  else
    look_at(chunk)
    size = CHUNK
  end
end

local function pins_kept()
  local kept_pins = {}
  for pin in string.gmatch(head[5], '%d+') do
    if tonumber(pin) >= at then kept_pins[#kept_pins + 1] = pin end
  end
  return table.concat(kept_pins, ',')
end

-- XTRIM comes first: Redis does not refuse it at the memory limit, nor what follows a script's first write.
if at > first then
  redis.call('XTRIM', KEYS[2], 'MINID', '=', string.format('%.0f-0', at))
  redis.call('HSET', KEYS[1], 'f', string.format('%.0f', at), 'fc', count)
  for user, removed in pairs(own) do redis.call('HINCRBY', KEYS[1], 'd:' .. user, removed) end
  if head[5] then redis.call('HSET', KEYS[1], 'pins', pins_kept()) end
end
local more = not settled and at < last and (before > 0 or at <= surplus)
local overlay = head[3] and at > tonumber(head[4] or 1)
return {at, at - first, more and 1 or 0, overlay and 1 or 0}
