-- Read a part of a log, bounded in entries and bytes.
--
-- KEYS  conv, log (one slot)
-- ARGV  seq to begin with, "up" or "down", most entries, most bytes (at least one entry is returned)
-- Returns {last seq, incarnation, first kept seq, {seq, meta, content, seq, ...}} or {} if there is no such
-- conversation.

local head = redis.call('HMGET', KEYS[1], 'l', 'i', 'f')
if not head[1] then return {} end
local most, most_bytes, chunk_size = tonumber(ARGV[3]), tonumber(ARGV[4]), 32
local up = ARGV[2] == 'up'
local from, bytes, count, out = ARGV[1] .. '-0', 0, 0, {}
local full = false
while not full do
  local chunk
  if up then chunk = redis.call('XRANGE', KEYS[2], from, '+', 'COUNT', chunk_size)
  else chunk = redis.call('XREVRANGE', KEYS[2], from, '-', 'COUNT', chunk_size) end
  for _, item in ipairs(chunk) do
    local meta, content = '', ''
    for i = 1, #item[2], 2 do
      if item[2][i] == 'm' then meta = item[2][i + 1] elseif item[2][i] == 't' then content = item[2][i + 1] end
    end
    bytes = bytes + #meta + #content + 16
    if count > 0 and (bytes > most_bytes or count >= most) then full = true break end
    count = count + 1
    out[#out + 1] = tonumber(string.match(item[1], '^(%d+)'))
    out[#out + 1] = meta
    out[#out + 1] = content
    from = '(' .. item[1]
  end
  if #chunk < chunk_size then break end
end
return {tonumber(head[1]), tonumber(head[2]), tonumber(head[3]), out}
