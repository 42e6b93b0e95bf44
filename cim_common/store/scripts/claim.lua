-- A device logs in: its session becomes this one (I14).
--
-- KEYS  sessions, devices, conversations, account of the user (one slot)
-- ARGV  1 device, 2 session, 3 1 if the device is ephemeral, 4 now in ms
--       5 version of the login ("": not asked), 6 1 if the device has been here before
--       7 ms a device is kept unseen, 8 devices kept, 9 and 10 the same for ephemeral ones
--       11 ms unseen before one is removed for there being too many, 12 ms unseen that a session can still live
--       13 ms between two looks for devices to be removed
-- Returns {code} when refused, with nothing changed: LOGGED_OUT, DEVICE_EXPIRED; otherwise
--       {0, the session it replaces or "", 1 if the user gives no receipts, {device to be forgotten, ...}}
--
-- At the login of a new device, and otherwise once in a while (field `#` holds when, 0 while something is still to be
-- forgotten), a device that was away too long, or the longest where there are too many, is marked as gone here, so that
-- it cannot log in any more, and forgotten after that (cim_common/store/devices.py). One that is connected is never
-- marked: its server notes it as seen every few minutes, so a session unseen for much longer is a dead server's (I16).

local LOGGED_OUT, DEVICE_EXPIRED = 3511, 3512
local MAX_GONE = 50

local sessions, devices, conversations, account = unpack(KEYS)
local own, now = ARGV[1], tonumber(ARGV[4])
local kept_ms = {['0'] = tonumber(ARGV[7]), ['1'] = tonumber(ARGV[9])}
local limit = {['0'] = tonumber(ARGV[8]), ['1'] = tonumber(ARGV[10])}

if ARGV[5] ~= '' and tonumber(ARGV[5]) ~= login_version(account, own) then return {LOGGED_OUT} end
local record = redis.call('HGET', devices, own)
if not record and (ARGV[6] == '1' or redis.call('HEXISTS', devices, '-' .. own) == 1) then return {DEVICE_EXPIRED} end

local old = redis.call('HGET', sessions, own)
redis.call('HSET', sessions, own, ARGV[2])
local base, first
if record then
  base, first = string.match(record, '^(%d+) (%d)')
else
  base = redis.call('ZSCORE', conversations, '#') or '0'
  first = redis.call('HSETNX', devices, '#', '0 0 0 0')
end
redis.call('HSET', devices, own, table.concat({base, first, ARGV[3], ARGV[4]}, ' '))
redis.call('HSET', account, 'seen', ARGV[4])

local silent = redis.call('HEXISTS', account, 'no_receipts')
local looked = tonumber(string.match(redis.call('HGET', devices, '#') or '0', '%d+$'))
if record and now - looked < tonumber(ARGV[13]) then return {0, old or '', silent, {}} end

local gone = {}
local count, away = {['0'] = 0, ['1'] = 0}, {['0'] = {}, ['1'] = {}}
local all = redis.call('HGETALL', devices)
for i = 1, #all, 2 do
  local device = all[i]
  if string.sub(device, 1, 1) == '-' then
    gone[#gone + 1] = string.sub(device, 2)
  elseif device ~= '#' then
    local ephemeral, seen = string.match(all[i + 1], '^%d+ %d (%d) (%d+)')
    count[ephemeral] = count[ephemeral] + 1
    if device ~= own then table.insert(away[ephemeral], {device = device, unseen = now - tonumber(seen)}) end
  end
end

for ephemeral, list in pairs(away) do
  table.sort(list, function(a, b) return a.unseen > b.unseen end)
  for _, one in ipairs(list) do
    local surplus = count[ephemeral] > limit[ephemeral] and one.unseen > tonumber(ARGV[11])
    if #gone >= MAX_GONE or not (surplus or one.unseen > kept_ms[ephemeral]) then break end
    if one.unseen > tonumber(ARGV[12]) or redis.call('HEXISTS', sessions, one.device) == 0 then
      redis.call('HDEL', devices, one.device)
      redis.call('HSET', devices, '-' .. one.device, ARGV[4])
      redis.call('HDEL', sessions, one.device)
      count[ephemeral] = count[ephemeral] - 1
      gone[#gone + 1] = one.device
    end
  end
end
redis.call('HSET', devices, '#', '0 0 0 ' .. (#gone == 0 and ARGV[4] or '0'))
return {0, old or '', silent, gone}
