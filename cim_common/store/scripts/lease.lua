-- Lease a part of a user's budget: what the caller may then let pass without asking again (I17).
--
-- KEYS  limits of the user
-- ARGV  name of the budget, now in ms by Redis' clock (as the caller knows it), ms that one of it costs, ms of such
--       cost allowed ahead, most wanted, least worth having, ms after which unused limits are forgotten
-- Returns {granted, 0}, or {0, ms until the least is there}.
--
-- A field holds when the debt of its budget is paid (GCRA): one number for a bucket of any size.

local now, cost, ahead = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local most, least = tonumber(ARGV[5]), tonumber(ARGV[6])
local debt = math.max(tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0), now)
local there = math.floor((now + ahead - debt) / cost)
if there < least then return {0, math.ceil(debt + least * cost - ahead - now)} end
local granted = math.min(there, most)
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.1f', debt + granted * cost))
redis.call('PEXPIRE', KEYS[1], ARGV[7])
return {granted, 0}
