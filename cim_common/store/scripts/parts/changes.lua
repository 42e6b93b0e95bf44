-- Who may change what, and what a change writes: one function for each kind of `cim_common/wire/kinds.py`.
--
-- A rule gets the attempt `a` and returns a code that refuses it, or nil. It writes nothing itself: it notes
-- fields of the conversation in `a.fields`, users whose lists change in `a.affected`, and further commands in
-- `a.commands`, all carried out only when nothing has refused (I2).
--
-- a.user, a.member      the sender and its member record (nil: none)
-- a.kind                d(irect), g(roup), l(obby), z: a group that was dissolved
-- a.start               the start of Redis (parts/incarnations.lua)
-- a.seq                 the seq the entry will have
-- a.count, a.members    texts so far, members
-- a.op                  what was asked: k (kind), ref, targets, role, text, topic, removed, history, invite, ...
-- a.log, a.conv, a.overlay   keys

local FORBIDDEN = 1018
local NO_SUCH_MESSAGE, ALREADY_A_MEMBER, BANNED, TOO_MANY_MEMBERS = 1019, 1020, 1021, 1022
local TOO_MANY_REACTIONS, ID_TAKEN, THEY_ARE_NOT_MEMBERS, THEY_ARE_NOT_BANNED = 1032, 1033, 1034, 1036
local CREATED = 1
local MAX_REACTIONS, MAX_PINS = 20, 50
local AT_ONCE = 1000 -- members looked at in one command

local RANK = {o = 3, a = 2, m = 1}
local ROLES = {owner = 'o', admin = 'a', member = 'm'}

local function rank(member) return member and RANK[member.role] or 0 end

local function set(a, field, value)
  a.fields[#a.fields + 1] = field
  a.fields[#a.fields + 1] = value
end

-- Also into the index of a group's members by id.
local function set_member(a, user, member)
  if a.kind ~= 'd' then
    a.commands[#a.commands + 1] = rank(member) > 0 and {'ZADD', a.index, user, user} or {'ZREM', a.index, user}
  end
  set(a, 'm:' .. user, record_of(member))
  a.affected[#a.affected + 1] = user
end

local function targets_of(a)
  if #a.op.targets == 0 then return {} end
  local names = {}
  for i, user in ipairs(a.op.targets) do names[i] = 'm:' .. user end
  local records = redis.call('HMGET', a.conv, unpack(names))
  local found = {}
  for i, user in ipairs(a.op.targets) do found[i] = {user = user, member = member_of(records[i])} end
  return found
end

-- Texts of others so far: the base of a member who joins now.
local function base_for(a, user)
  return a.count - tonumber(redis.call('HGET', a.conv, 'o:' .. user) or 0)
end

-- What an entry refers to; nil when it is gone, no text, or not for the sender to read. `text_at`: or recalled.
local function readable_text(a)
  if a.op.ref < 1 or a.op.ref >= a.seq then return nil end
  if a.kind == 'g' and not may_read(a.member, a.op.ref) then return nil end
  local entry = entry_at(a.log, a.op.ref)
  return entry and is_text(entry.t) and entry or nil
end

local function text_at(a)
  local entry = readable_text(a)
  if not entry then return nil end
  local state = redis.call('HGET', a.overlay, string.format('%.0f', a.op.ref))
  if state and string.sub(state, 1, 1) == 'r' then return nil end
  return entry
end

local function is_author(a, entry)
  return string.format('%.0f', meta_number(entry.m, 2)) == a.user
end

local function overlay(a, field, value)
  set(a, 'ov', 1)
  a.commands[#a.commands + 1] = {'HSET', a.overlay, field, value}
end

local function remove(a, user, member, role)
  if rank(member) > 0 then a.members = a.members - 1 end
  member.role, member.spans = role, close_span(member.spans, a.seq)
  set_member(a, user, member)
end

-- Who follows an owner that leaves: the admin, else the member, of longest standing; the lower id among equals.
-- Nobody else is served while ten thousand are looked through: only who may still come first is looked at closely, and
-- what else stands in `conv`, of senders who have left too, is not read.
local function successor(a)
  local members = redis.call('ZRANGE', a.index, 0, -1)
  local best_rank, best_joined, best_id, user, found = 1, math.huge, math.huge, nil, nil
  for first = 1, #members, AT_ONCE do
    local names = {}
    for i = first, math.min(first + AT_ONCE - 1, #members) do names[#names + 1] = 'm:' .. members[i] end
    for i, record in ipairs(redis.call('HMGET', a.conv, unpack(names))) do
      local its_rank, id = record and RANK[string.sub(record, 1, 1)] or 0, members[first + i - 1]
      if its_rank >= best_rank and id ~= a.user then
        local joined, number = tonumber(string.match(record, '(%d+)$')), tonumber(id)
        if its_rank > best_rank or joined < best_joined or (joined == best_joined and number < best_id) then
          best_rank, best_joined, best_id, user, found = its_rank, joined, number, id, record
        end
      end
    end
  end
  return user, member_of(found)
end

local RULES = {}

RULES[CREATED] = function(a)
  if a.exists then return ID_TAKEN end
  local op = a.op
  for _, field in ipairs({{'k', 'g'}, {'f', 1}, {'i', op.incarnation}, {'iv', 0}, {'gn', op.text}, {'gt', op.topic},
    {'gh', op.history}, {'gi', op.invite}, {'g', a.start}}) do set(a, field[1], field[2]) end
  set_member(a, a.user, {role = 'o', spans = '1-', base = 0, joined = 1})
  a.members = 1
  for _, user in ipairs(op.targets) do
    if user ~= a.user then
      set_member(a, user, {role = 'm', spans = '1-', base = 0, joined = 1})
      a.members = a.members + 1
    end
  end
end

-- JOINED
RULES[2] = function(a)
  local policy = redis.call('HMGET', a.conv, 'gi', 'gh')
  if policy[1] == 'admins' and rank(a.member) < 2 then return FORBIDDEN end
  local joining, seen = 0, {}
  for _, target in ipairs(targets_of(a)) do
    local member = target.member or {role = 'l', spans = '-'}
    if member.role == 'x' then return BANNED end
    if rank(member) == 0 and not seen[target.user] then
      seen[target.user] = true
      joining = joining + 1
      member.role, member.joined = 'm', a.seq
      member.spans = policy[2] == 'all' and '1-' or open_span(member.spans, a.seq)
      member.base = base_for(a, target.user)
      set_member(a, target.user, member)
    end
  end
  if joining == 0 then return ALREADY_A_MEMBER end
  a.members = a.members + joining
  if a.members > a.op.max_members then return TOO_MANY_MEMBERS end
end

-- LEFT
RULES[3] = function(a)
  if a.member.role == 'o' then
    local user, member = successor(a)
    if user then
      member.role = 'o'
      set_member(a, user, member)
    else
      set(a, 'k', 'z')
    end
  end
  remove(a, a.user, a.member, 'l')
end

-- KICKED
RULES[4] = function(a)
  for _, target in ipairs(targets_of(a)) do
    if rank(target.member) == 0 then return THEY_ARE_NOT_MEMBERS end
    if rank(a.member) < 2 or rank(a.member) <= rank(target.member) then return FORBIDDEN end
    remove(a, target.user, target.member, 'l')
  end
end

-- BANNED: also of people who were never members; their lists do not show the group then.
RULES[5] = function(a)
  for _, target in ipairs(targets_of(a)) do
    if rank(a.member) < 2 or rank(a.member) <= rank(target.member) then return FORBIDDEN end
    if target.member and target.member.joined > 0 then
      remove(a, target.user, target.member, 'x')
    else
      set(a, 'm:' .. target.user, record_of({role = 'x', spans = '-', base = 0, joined = 0}))
    end
  end
end

-- UNBANNED
RULES[6] = function(a)
  if rank(a.member) < 2 then return FORBIDDEN end
  for _, target in ipairs(targets_of(a)) do
    if not target.member or target.member.role ~= 'x' then return THEY_ARE_NOT_BANNED end
    target.member.role = 'l'
    set(a, 'm:' .. target.user, record_of(target.member))
    if target.member.joined > 0 then a.affected[#a.affected + 1] = target.user end
  end
end

-- ROLE
RULES[7] = function(a)
  local role, target = ROLES[a.op.role], targets_of(a)[1]
  if a.member.role ~= 'o' or target.user == a.user then return FORBIDDEN end
  if rank(target.member) == 0 then return THEY_ARE_NOT_MEMBERS end
  target.member.role = role
  set_member(a, target.user, target.member)
  if role == 'o' then
    a.member.role = 'a'
    set_member(a, a.user, a.member)
  end
end

-- RENAMED
RULES[8] = function(a)
  if rank(a.member) < 2 then return FORBIDDEN end
  set(a, 'gn', a.op.text)
  set(a, 'gt', a.op.topic)
end

-- DISSOLVED
RULES[9] = function(a)
  if a.member.role ~= 'o' then return FORBIDDEN end
  a.dissolved = true
  set(a, 'k', 'z')
end

-- EDITED
RULES[10] = function(a)
  local entry = text_at(a)
  if not entry then return NO_SUCH_MESSAGE end
  if not is_author(a, entry) then return FORBIDDEN end
  overlay(a, string.format('%.0f', a.op.ref), string.format('e%.0f', a.seq))
end

-- RECALLED
RULES[11] = function(a)
  local entry = text_at(a)
  if not entry then return NO_SUCH_MESSAGE end
  if not is_author(a, entry) and (a.kind ~= 'g' or rank(a.member) < 2) then return FORBIDDEN end
  overlay(a, string.format('%.0f', a.op.ref), string.format('r%.0f', a.seq))
end

-- REACTION: `x<ref>` lists the different ones there are, "ref\nemoji" counts users, "ref\nemoji\nuser" is one of them.
RULES[12] = function(a)
  if not text_at(a) then return NO_SUCH_MESSAGE end
  local ref = string.format('%.0f', a.op.ref)
  local list, count = 'x' .. ref, ref .. '\n' .. a.op.text
  local mine = count .. '\n' .. a.user
  local there = redis.call('HEXISTS', a.overlay, mine) == 1
  if there ~= a.op.removed then return end -- nothing to do; the entry says it again
  local users = tonumber(redis.call('HGET', a.overlay, count) or 0)
  local others = {}
  for emoji in string.gmatch(redis.call('HGET', a.overlay, list) or '', '[^\n]+') do
    if emoji ~= a.op.text then others[#others + 1] = emoji end
  end
  if a.op.removed then
    a.commands[#a.commands + 1] = {'HDEL', a.overlay, mine}
    if users > 1 then
      overlay(a, count, users - 1)
    else
      a.commands[#a.commands + 1] = {'HDEL', a.overlay, count}
      overlay(a, list, table.concat(others, '\n'))
    end
    return
  end
  if users == 0 then
    if #others >= MAX_REACTIONS then return TOO_MANY_REACTIONS end
    others[#others + 1] = a.op.text
    overlay(a, list, table.concat(others, '\n'))
  end
  overlay(a, mine, 1)
  overlay(a, count, users + 1)
end

-- PINNED: the newest 50, oldest first.
RULES[13] = function(a)
  if a.kind == 'l' or (a.kind == 'g' and rank(a.member) < 2) then return FORBIDDEN end
  if not text_at(a) then return NO_SUCH_MESSAGE end
  local ref, pins = string.format('%.0f', a.op.ref), {}
  for pin in string.gmatch(redis.call('HGET', a.conv, 'pins') or '', '%d+') do
    if pin ~= ref then pins[#pins + 1] = pin end
  end
  if not a.op.removed then pins[#pins + 1] = ref end
  while #pins > MAX_PINS do table.remove(pins, 1) end
  set(a, 'pins', table.concat(pins, ','))
end

-- BLOCKED, UNBLOCKED: in a direct conversation the other user's record.
local function block(from, to)
  return function(a)
    local target = targets_of(a)[1]
    if a.kind ~= 'd' or target.user == a.user or not target.member then return FORBIDDEN end
    if target.member.role ~= from then return end -- nothing to do; the entry says it again
    target.member.role = to
    set_member(a, target.user, target.member)
  end
end
RULES[14] = block('m', 'b')
RULES[15] = block('b', 'm')

-- NOTICE: the cluster's own, into a user's notes.
RULES[16] = function(a) end

local OF_GROUPS = {[2] = true, [3] = true, [4] = true, [5] = true, [6] = true, [7] = true, [8] = true, [9] = true}

-- The code that refuses the attempt, nil if it may be carried out.
local function decide(a)
  local asked, role = a.op.k or 0, a.member and a.member.role
  if asked == CREATED then return RULES[CREATED](a) end
  -- The blocked may still block and unblock.
  if role == 'b' and (asked == 14 or asked == 15) then role = 'm' end
  local code = may_not_write(a.kind, role)
  if code then return code end
  if OF_GROUPS[asked] and a.kind ~= 'g' then return FORBIDDEN end
  if a.op.reply and not readable_text(a) then return NO_SUCH_MESSAGE end
  return RULES[asked] and RULES[asked](a)
end
