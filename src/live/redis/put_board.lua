local newest = redis.call('HGET', KEYS[1], 'epoch')
if newest and tonumber(newest) > tonumber(ARGV[1]) then
  return 0
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'board', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
