local free = redis.call('HGET', KEYS[1], 'free')
if free then
  redis.call('HSET', KEYS[1], 'free', string.format('%.3f', tonumber(free) - tonumber(ARGV[1]) * tonumber(ARGV[2])))
end
