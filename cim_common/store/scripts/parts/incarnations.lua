-- Which log it is: another one from here on, when it may have been set back to an older state (I22).
--
-- Field `i` of a conversation is its incarnation; `g` the start of Redis at which that was last looked at. A Redis that
-- was started anew may hold an older copy, and nothing in it tells: so each log goes on as another incarnation from
-- where it then ends, before anything is appended or anybody is told where it stands. `e0` to `e15` keep the last ends,
-- "incarnation end", `en` how many there have been.

local ENDS_KEPT = 16

local function begin_incarnation(conv, old, last, new)
  local count = tonumber(redis.call('HGET', conv, 'en') or 0)
  redis.call('HSET', conv, 'i', new, 'en', count + 1, 'e' .. (count % ENDS_KEPT), old .. ' ' .. last)
end

-- `start` names the running Redis, "0" when the caller does not know it.
local function look_at_incarnation(conv, start)
  if start == '0' then return end
  local head = redis.call('HMGET', conv, 'g', 'i', 'l')
  if head[1] == start then return end
  begin_incarnation(conv, head[2], head[3], string.format('%.0f', (tonumber(head[2]) + tonumber(start)) % 2^48 + 1))
  redis.call('HSET', conv, 'g', start)
end
