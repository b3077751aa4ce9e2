local paused = tonumber(redis.call('HGET', KEYS[1], 'paused') or 0)
local wanted = now + tonumber(ARGV[1])
if paused < wanted then
  redis.call('HSET', KEYS[1], 'paused', string.format('%.0f', wanted))
  redis.call('PEXPIRE', KEYS[1], 60000 + math.ceil((wanted - now) / 1000))
end
