-- Reading entries of a log. An entry is one field, "n p c length meta+content": p is the seq of the device's previous
-- entry, c the texts so far, length that of the meta in bytes; meta (m) and content (t) are protobuf as proto/cim.proto
-- has them. One field, for each costs at every append, in the stream and in the append-only file.
-- `cim_common/store/entries.py` reads the same.

local RECALLED = '\248\1\1' -- Entry.recalled = true

local function varint(data, at)
  local value, scale = 0, 1
  while true do
    local byte = string.byte(data, at)
    value = value + (byte % 128) * scale
    at = at + 1
    if byte < 128 then return value, at end
    scale = scale * 128
  end
end

-- A number of an entry: in its meta 2 is the sender, 6 the time in ms, in its content 18 what it refers to. 0 when it is
-- not there.
local function meta_number(meta, wanted)
  local at = 1
  while at <= #meta do
    local tag, value, length
    tag, at = varint(meta, at)
    if tag % 8 == 0 then
      value, at = varint(meta, at)
      if math.floor(tag / 8) == wanted then return value end
    else
      length, at = varint(meta, at)
      at = at + length
    end
  end
  return 0
end

-- Kind 0 is not written: the content of a text begins with the tag of its text.
local function is_text(content) return string.byte(content, 1) == 138 end

-- The content of an edit begins with its kind, 10.
local function is_edit(content) return string.sub(content, 1, 3) == '\128\1\10' end

-- What is given out of a text, or of an edit of it, once it is recalled: all but the text.
local function recalled(content)
  if is_text(content) then return RECALLED end
  local at, kept = 1, {}
  while at <= #content do
    local from, tag, number = at, nil, nil
    tag, at = varint(content, at)
    number, at = varint(content, at)
    if tag % 8 ~= 0 then at = at + number end
    if tag % 8 == 0 then kept[#kept + 1] = string.sub(content, from, at - 1) end
  end
  return table.concat(kept) .. RECALLED
end

local function fields_of(item)
  local data = item[2][2]
  local n, previous, count, length, at = string.match(data, '^(%d+) (%d+) (%d+) (%d+) ()')
  local content_at = at + length
  return {n = n, p = previous, c = count, m = string.sub(data, at, content_at - 1), t = string.sub(data, content_at)}
end

local function entry_at(log, seq)
  local id = string.format('%d-0', seq)
  local found = redis.call('XRANGE', log, id, id)
  if #found == 0 then return nil end
  return fields_of(found[1])
end
