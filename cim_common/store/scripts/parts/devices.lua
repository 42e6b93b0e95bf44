-- What a user's account and device records say. A device record is "base first ephemeral seen", and " o" behind it
-- while the device is logged out: base is the version of the conversation list when the device first came (what is
-- newer starts at its beginning), first is 1 for the user's first device ever (field `#` remembers that there was
-- one, and when claim.lua has last looked for devices to be removed), seen the time of its last use in ms. Field
-- `-<device>` stands for a device that is being forgotten.

-- The version that a login of the device carries (cim_common/store/accounts.py).
local function login_version(account, device)
  local versions = redis.call('HMGET', account, 'tv', 't:' .. device)
  return tonumber(versions[1] or 1) + tonumber(versions[2] or 0)
end

-- The device is in use now, and so is its user here.
local function note_seen(devices, account, device, now)
  local record = redis.call('HGET', devices, device)
  if record then redis.call('HSET', devices, device, (string.gsub(record, '^(%d+ %d %d) %d+', '%1 ' .. now))) end
  redis.call('HSET', account, 'seen', now)
end
