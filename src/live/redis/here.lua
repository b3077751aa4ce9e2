local kept, said, since = redis.call('HGETALL', KEYS[1]), {}, nil
for at = 1, #kept, 2 do
  if kept[at] == '' then
    since = tonumber(kept[at + 1])
  else
    local forgotten, agents = string.match(kept[at + 1], '^(%d+) (.*)$')
    if forgotten and tonumber(forgotten) > now then
      said[#said + 1] = agents
    else
      redis.call('HDEL', KEYS[1], kept[at])
    end
  end
end
local complete = 0
if since and now - since >= tonumber(ARGV[1]) then
  complete = 1
end
return {complete, said}
