local kept = redis.call('HMGET', KEYS[1], 'free', 'paused')
local each, saved, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local free, paused = tonumber(kept[1] or now), tonumber(kept[2] or 0)
if now < paused then
  return {0, math.ceil(paused - now)}
end
if now < free then
  return {0, math.ceil(free - now)}
end
local count = math.min(wanted, math.floor(math.min(now - free, saved) / each) + 1)
free = math.max(free, now - saved) + each * count
redis.call('HSET', KEYS[1], 'free', string.format('%.3f', free))
redis.call('PEXPIRE', KEYS[1], 60000 + math.ceil(math.max(free - now, 0) / 1000))
return {count, math.ceil(math.max(free - now, 0))}
